"""Sources of texts, one module each."""
