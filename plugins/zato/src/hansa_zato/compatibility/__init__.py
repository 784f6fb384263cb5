"""Which names of Zato are there, which differ, and which are not: one table, from which the
reference page, the report on an installation and the tests are made.

The table is a file for each subject, `*.toml` in this folder.
"""

from __future__ import annotations

from .table import Row, Status, Subject, rows, subjects

__all__ = ["Row", "Status", "Subject", "rows", "subjects"]
