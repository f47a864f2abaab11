"""One cell's neurons: histogram, heads, ranks."""
