"""From a plan to a smaller model: exact folding, its masked twin, and the folder they end in."""
