"""The description of the admin API by what is installed here, for help where no server answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import click

from .plain import JsonObject

if TYPE_CHECKING:
    from hansa import Registry

Describe: TypeAlias = Callable[["Registry"], JsonObject]
"""Returns the OpenAPI description of the admin services of the types in a registry."""

_describe: list[Describe] = []


def describe_by(describe: Describe) -> None:
    """Have what is installed described by this function; the plugin with the admin API calls it."""
    _describe[:] = [describe]


def installed_description(ctx: click.Context) -> JsonObject | None:
    """Return the description, or None where the admin API is not installed.

    The command `hansa` keeps in its context how to load what is installed.
    """
    load: Callable[[], Registry] | None = ctx.find_root().obj
    if load is None or not _describe:
        return None
    return _describe[0](load())
