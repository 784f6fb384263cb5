"""Security type `jwt`: JSON Web Tokens (RFC 7519) of callers, and of outgoing calls."""
