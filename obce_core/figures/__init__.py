"""Plotly figures, which are returned and never shown, and the widgets of the dashboard."""
