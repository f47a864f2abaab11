"""The field of points of lessons 1 to 3."""
