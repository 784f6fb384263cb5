"""CSV for Hansa: the format `csv`."""
