"""A cell's scores with a percentile to drag, for lesson 5."""
