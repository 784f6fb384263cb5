"""Named contexts: the clusters that a user's commands speak to."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import click

CONFIG_VARIABLE = "XDG_CONFIG_HOME"
"""The environment variable with the folder of a user's configuration; by default `~/.config`."""


@dataclass(frozen=True)
class Context:
    """How to reach one cluster: what the options of the same names say; empty where not given."""

    server: str = ""
    dir: str = ""
    password_file: str = ""
    ca: str = ""
    user: str = ""


@dataclass
class Contexts:
    """The contexts of a user, by name, and the name of the one in use, if any."""

    named: dict[str, Context] = field(default_factory=dict)
    used: str = ""

    def get(self, name: str) -> Context:
        """Return a context; raises a usage error, which lists those there are."""
        if name not in self.named:
            known = ", ".join(sorted(self.named)) or "none"
            raise click.UsageError(f"there is no context {name!r} (there are: {known})")
        return self.named[name]

    def save(self) -> None:
        """Write the file, readable by its owner alone; raises a usage error if that fails."""
        from hansa import replace_file

        named = {name: _given(context) for name, context in sorted(self.named.items())}
        text = json.dumps({"use": self.used, "contexts": named}, indent=2) + "\n"
        file = contexts_file()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(file, text)
        except OSError as error:
            raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None


def contexts_file() -> Path:
    """Return the path of the file with the contexts."""
    folder = os.environ.get(CONFIG_VARIABLE) or "~/.config"
    return Path(folder).expanduser() / "hansa" / "contexts.json"


def read_contexts() -> Contexts:
    """Return the contexts of the user; raises a usage error for a file that cannot be used."""
    file = contexts_file()
    try:
        found = json.loads(file.read_text())
        named = {name: Context(**given) for name, given in found["contexts"].items()}
        return Contexts(named, str(found["use"]))
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.UsageError(f"{file} cannot be used: {error}") from None


def _given(context: Context) -> dict[str, str]:
    return {name: value for name, value in asdict(context).items() if value}


CONTEXT_FIELDS = tuple(one.name for one in fields(Context))
