"""The list of the cheapest next cuts."""
