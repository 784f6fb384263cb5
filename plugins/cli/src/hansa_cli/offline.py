"""What commands can do in the folder of a server that does not answer."""

from __future__ import annotations

from pathlib import Path

import click

from .access import recorded_url
from .connection import given_options
from .location import choose
from .plain import JsonObject


class Folder:
    """The folder of a server, and the configuration that names its database, if it is not the
    folder's own.
    """

    def __init__(self, path: Path, config: str | None) -> None:
        self.path = path
        self.config = Path(config) if config else None

    @classmethod
    def of_context(cls, config: str | None) -> Folder | None:
        """Return the folder that the command line names; None if it names the address of a server
        instead.
        """
        choice = choose(given_options(click.get_current_context()))
        if choice.server is not None:
            return None
        return cls(choice.directory, config)

    @property
    def database(self) -> bool:
        """Whether its database is known."""
        return self.config is not None or (self.path / "odb.sqlite").exists()

    @property
    def stopped(self) -> bool:
        """Whether no server runs in it, and its database is known."""
        return self.database and recorded_url(self.path) is None

    def block(self, plugin: str, *, blocked: bool) -> JsonObject:
        """Note in the database that a plugin is blocked, or not any more; returns the revision.

        Raises what speaks against it.
        """
        # PERF: importing the database would slow every other command down
        from hansa import HansaError, block_offline

        try:
            revision = block_offline(self.path, plugin, blocked=blocked, config=self.config)
        except HansaError as error:
            raise click.ClickException(error.detail) from None
        return {"name": plugin, "blocked": blocked, "revision": revision, "workers": []}
