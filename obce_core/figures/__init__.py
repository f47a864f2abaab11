"""Pictures: Plotly figures, which are returned and never shown, and the data and files of our own components."""
