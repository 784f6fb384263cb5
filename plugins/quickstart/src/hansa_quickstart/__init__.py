"""Hansa plugin quickstart: creates a cluster on one machine, starts and stops its components, and tells how they are."""
