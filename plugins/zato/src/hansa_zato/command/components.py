"""`zato component-version PATH`, and the words of Zato's command line that have another way here."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from hansa import KeyFile

INFO: Final = ".hansa-info"
"""The file that says what a folder of a component is."""
NOT_A_COMPONENT: Final = 3
"""The exit code for a folder that is none, as in Zato."""
USAGE: Final = 2

_WHOLE: Final = "`zato quickstart create PATH` makes all components of a cluster on one host"
_HOSTS: Final = "hansa-hosts makes them host by host: `hansa create cluster`, `hansa join`"
INSTEAD: Final = {
    ("create", "cluster"): f"{_WHOLE}; {_HOSTS}",
    ("create", "load_balancer"): f"{_WHOLE}; {_HOSTS}",
    ("create", "odb"): f"a server makes its database when it first starts; {_WHOLE}",
    ("create", "server"): f"{_WHOLE}; `--servers N` says how many servers; {_HOSTS}",
    ("create", "web_admin"): f"{_WHOLE}; {_HOSTS}",
    ("delete", "odb"): "stop the cluster, and drop the database, or delete odb.sqlite",
    ("from-config",): "commands store no files of their options; a shell script holds them",
    ("update", "crypto"): "`zato ca create server` and `hansa ca renew` make certificates",
    (
        "update",
        "openid",
    ): "users of a directory log in by hansa-ldap, bearers of tokens by hansa-jwt",
}
"""What to do in place of commands that are not there, by their first words."""


def component_version(words: Sequence[str]) -> int:
    """Print the version of the component in a folder; returns the exit code."""
    if len(words) != 1:
        print("usage: zato component-version PATH", file=sys.stderr)
        return USAGE
    folder = Path(words[0])
    try:
        found = json.loads((folder / INFO).read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        print(f"{folder} is not the folder of a component", file=sys.stderr)
        return NOT_A_COMPONENT
    print(found)
    return 0


def create_secret_key(words: Sequence[str]) -> int:
    """Print a key, as `[zato] crypto_key` and `[server] secret_key` take it; returns the exit code."""
    print(KeyFile.new_key())
    return 0


def show_version(words: Sequence[str]) -> int:
    """Print the versions of Hansa and of this plugin; returns the exit code."""
    print(f"zato: hansa {version('hansa')}, hansa-zato {version('hansa-zato')}")
    return 0


def instead_of(words: Sequence[str]) -> str:
    """Return what to do in place of a command that is not there; empty for any other."""
    for command, why in INSTEAD.items():
        if tuple(words[: len(command)]) == command:
            return f"zato {' '.join(command)} is not there: {why}"
    return ""
