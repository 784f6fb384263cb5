"""Hansa's admin services for every registered type, the admin API, export / plan / apply, and the
command line.
"""
