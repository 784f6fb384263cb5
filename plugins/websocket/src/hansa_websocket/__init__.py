"""WebSocket (RFC 6455) for Hansa."""
