"""Measurements of a plan or a cut model: previews, verification against the masked original, latency."""
