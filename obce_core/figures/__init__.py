"""Figures: Plotly figures, which are returned and never shown, and the data and files of the dashboard's own
widgets."""
