"""HAProxy in front of the servers of a Hansa cluster."""
