"""SQL databases for Hansa: outgoing connections with a pool, and a channel that polls a query."""
