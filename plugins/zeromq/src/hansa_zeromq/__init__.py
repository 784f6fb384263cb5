"""ZeroMQ for Hansa."""
