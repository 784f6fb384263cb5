"""Hansa plugin zato: runs services written for Zato unmodified."""
