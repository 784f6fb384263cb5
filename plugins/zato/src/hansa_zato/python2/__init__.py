"""Names and modules of Python 2, for the sources of services that were written for it."""
