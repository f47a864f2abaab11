"""The grid in which a plan is edited."""
