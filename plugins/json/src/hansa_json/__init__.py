"""JSON for Hansa: the format `json`, and a strict reader for what is kept for long."""
