"""Hansa plugin quickstart: creates a cluster on one machine, starts and stops it, and shows its
state.
"""
