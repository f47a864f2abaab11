"""From a plan to a smaller model: exact folding, the masked twin, and the compressed folder."""
