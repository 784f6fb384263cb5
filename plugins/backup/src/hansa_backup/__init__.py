"""Backups of a Hansa cluster, and their restoration."""
