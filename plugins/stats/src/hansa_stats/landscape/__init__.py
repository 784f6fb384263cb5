"""The landscape: which definitions and services there are, and who calls whom."""
