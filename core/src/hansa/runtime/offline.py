"""What can be decided about plugins while no server runs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import NullPool

from ..foundation.errors import Invalid, NotFound
from ..odb.database import Database
from ..odb.engine import open_engine
from ..plugins.configuration import read_config
from ..plugins.installed import discover


def block_offline(directory: Path, name: str, *, blocked: bool, config: Path | None = None) -> int:
    """Note in the operational database (ODB) of a server's folder that a plugin is blocked, or not
    any more, from the next start of a worker on; returns the revision.

    `config` is the configuration file, for a server whose ODB is not in its folder. Raises
    `NotFound` if there is no ODB, `Invalid` for a plugin that is not known, or `Unavailable`.
    """
    database = Database(open_engine(_url(directory, config), poolclass=NullPool))
    there = discover().keys() | database.blocked_plugins()
    if name not in there:
        listed = ", ".join(sorted(there))
        raise Invalid(f"no plugin {name!r} is installed (there are: {listed})")
    return database.log_action("plugin", name, "block" if blocked else "unblock", by="offline")


def _url(directory: Path, config: Path | None) -> str:
    if config is not None:
        return read_config(config, directory=str(directory)).odb_url
    file = directory.resolve() / "odb.sqlite"
    if not file.exists():
        raise NotFound(f"there is no {file}; name the configuration of the server with --config")
    return f"sqlite:///{file}"
