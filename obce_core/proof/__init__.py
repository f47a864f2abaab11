"""The proof that a cut model is its masked original: the same function, measured in float32 and float64."""
