"""Redaction: what is masked of messages before anything of them is kept or shown."""
