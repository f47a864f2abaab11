"""From a model and texts to an analysis on disk, and from saved analyses to comparisons."""
