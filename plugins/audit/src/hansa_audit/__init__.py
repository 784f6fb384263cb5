"""Audit log of a cluster: who administered what, when and from where, in a chain of hashes."""
