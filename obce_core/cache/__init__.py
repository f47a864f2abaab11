"""The cache as a whole: its entries, and checks of their integrity."""
