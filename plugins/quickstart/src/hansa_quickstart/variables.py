"""The environment variables with the passwords of the engines of a new cluster."""

from __future__ import annotations

from typing import Final

ODB_PASSWORD: Final = "HANSA_ODB_PASSWORD"
"""The environment variable with the password of the SQL database of a new cluster."""
KVDB_PASSWORD: Final = "HANSA_KVDB_PASSWORD"
"""The environment variable with the password of the Redis of a new cluster; it may be empty."""
