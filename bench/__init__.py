"""Benchmarks of Hansa against the same work without it, and against its peers: `make bench`."""
