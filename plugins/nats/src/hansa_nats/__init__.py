"""NATS for Hansa."""
