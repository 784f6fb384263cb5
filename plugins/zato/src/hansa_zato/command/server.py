"""The server that an import or export is of: its admin API, by the client of hansa-cli."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hansa_cli.client import Client
from hansa_cli.failures import Refusal
from hansa_cli.location import choose, locate_password, locate_server, locate_trust

from ..enmasse.importing import ServerRefused
from ..payloads import PlainDict


class ServerApi:
    """Calls admin services; what a configuration is refused for is a `ServerRefused`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def call(self, service: str, data: Mapping[str, object] | None = None) -> PlainDict:
        """Return the answer of a service; raises `ServerRefused`, `Refusal` or `Unreachable`."""
        try:
            return self.client.call(service, data)
        except Refusal as refusal:
            errors = refusal.problem.get("errors")
            if not isinstance(errors, dict) or not errors:
                raise
            raise ServerRefused(errors) from refusal


def server_in(folder: Path, url: str = "") -> Client:
    """Return a client of the server in a folder, or at a URL; raises a usage error of click."""
    given = {
        "hansa_server": url or None,
        "hansa_dir": str(folder),
        "hansa_context": None,
        "hansa_user": None,
        "hansa_password_file": None,
        "hansa_ca": None,
    }
    choice = choose(given)
    password = locate_password(None, choice.directory, choice.user)
    return Client(locate_server(choice), password, locate_trust(choice), choice.user)
