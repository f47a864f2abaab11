"""Readers of text files: lines, CSV and TSV, JSON lines, parquet."""
