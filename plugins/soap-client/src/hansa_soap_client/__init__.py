"""Outgoing SOAP for Hansa."""
