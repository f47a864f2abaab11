"""The map of layers by components."""
