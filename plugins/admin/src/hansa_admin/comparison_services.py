"""The admin services that compare two clusters: `admin.config.describe` in one, `admin.config.compare` in
the other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hansa import Model, dump, setting

from .answers import PlainData
from .comparison import compared, described
from .export import SERVICES
from .operation import Operation


class Salted(Model):
    """What both sides of a comparison have in common."""

    salt: Annotated[
        str,
        setting(
            "Random text, new for each comparison and the same for both clusters, by which secrets "
            "are marked",
            min_length=32,
            max_length=128,
        ),
    ]
    services: Annotated[bool, setting("Also the sources of deployed files")] = False


class Described(Model):
    """A cluster as another one compares it."""

    definitions: Annotated[
        dict[str, Any],
        setting("Definitions by kind, type and name, without defaults; secrets are marks"),
    ]
    defaults: Annotated[dict[str, Any], setting("Defaults of their types, by kind and type")]
    services: Annotated[dict[str, str], setting("Sources by file; none unless asked for")] = {}


class Compared(Salted):
    """Another cluster, and what of the differences is wanted."""

    other: Annotated[
        Described, setting("What admin.config.describe of the other cluster has answered")
    ]
    result: Annotated[
        Literal["", "differs", "unknown", "only_here", "only_there"],
        setting("Only objects of this result; empty for all that are not the same"),
    ] = ""
    filter: Annotated[str, setting("Only objects whose kind, type or name contains this")] = ""
    offset: Annotated[int, setting("Number of objects to leave out", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of objects", ge=1, le=10_000)] = 200


class SettingRow(Model):
    """A setting that is not the same."""

    here: Annotated[
        Any, setting("Value in this cluster; null if there is none; secrets are masked")
    ]
    there: Annotated[Any, setting("Value in the other cluster")]
    secret: Annotated[bool, setting("Whether it is secret, so that its values are not shown")]
    result: Annotated[
        Literal["differs", "unknown"],
        setting("unknown: passwords that are stored as hashes, or secrets of another key"),
    ]


class ObjectRow(Model):
    """A definition, or a package of sources, that is not the same."""

    result: Annotated[
        Literal["differs", "unknown", "only_here", "only_there"],
        setting("unknown: nothing differs but what cannot be compared"),
    ]
    kind: Annotated[str, setting("Kind of the definition, or service for a package")]
    type: Annotated[str, setting("Type of the definition")]
    name: Annotated[str, setting("Name of the definition, or of the package")]
    settings: Annotated[dict[str, SettingRow], setting("Settings that are not the same, by name")]
    source: Annotated[
        list[str], setting("Lines of the unified diff of a package, from there to here")
    ]


class Differences(Model):
    """How two clusters differ."""

    items: Annotated[list[ObjectRow], setting("The objects that were asked for")]
    total: Annotated[int, setting("Number of those that match")]
    counts: Annotated[dict[str, int], setting("Number of all objects by result")]
    same: Annotated[int, setting("Number of objects that are the same")]


class ConfigDescribe(Operation):
    """Describe all definitions so that another cluster can compare them: marks stand for secrets."""

    name = "admin.config.describe"
    right = "develop"
    Input = Salted
    Output = Described

    def handle(self) -> PlainData:
        """Return the document."""
        asked: Salted = self.request.input
        found = described(self.server, asked.salt.encode(), services=asked.services)
        return {SERVICES: {}, **found}


class ConfigCompare(Operation):
    """Compare the definitions with those of another cluster; of secrets only whether they differ."""

    name = "admin.config.compare"
    right = "develop"
    Input = Compared
    Output = Differences

    def handle(self) -> PlainData:
        """Return what differs."""
        asked: Compared = self.request.input
        here = described(self.server, asked.salt.encode(), services=asked.services)
        there = dump(asked.other)
        if not asked.services:
            there[SERVICES] = {}
        found, same = compared(here, there)
        counts = {"differs": 0, "unknown": 0, "only_here": 0, "only_there": 0}
        for one in found:
            counts[one.result] += 1
        rows = [
            one
            for one in found
            if asked.result in ("", one.result)
            and asked.filter.lower() in f"{one.kind} {one.type} {one.name}".lower()
        ]
        end = asked.offset + asked.limit
        return {
            "items": rows[asked.offset : end],
            "total": len(rows),
            "counts": counts,
            "same": same,
        }


OPERATIONS: tuple[type[Operation], ...] = (ConfigDescribe, ConfigCompare)
