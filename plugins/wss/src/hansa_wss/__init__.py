"""WS-Security (OASIS Standard, 1.1.1) for Hansa: the security type `wss`."""
