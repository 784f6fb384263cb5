"""Security definitions of TLS: client certificates of callers, trusted authorities, own keys."""
