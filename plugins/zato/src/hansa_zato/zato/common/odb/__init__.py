"""A part of the package `zato`."""
