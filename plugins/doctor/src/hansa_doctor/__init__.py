"""Examinations of a Hansa server, and bundles for support."""
