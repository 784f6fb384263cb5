"""The distributions that there are, whether installed or not: those of this version of Hansa."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from .plain import JsonObject


def available() -> list[JsonObject]:
    """Return each distribution with what it is for and the version that is installed here; empty
    if none is.
    """
    described: dict[str, str] = json.loads(
        files(__package__).joinpath("available.json").read_text(encoding="utf-8")
    )
    return [
        {"name": name, "installed": _installed(name), "description": description}
        for name, description in described.items()
    ]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
