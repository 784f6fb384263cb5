"""The manifest of a backup: of what it was made, by which versions, and the checksums of its members."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Final, TypedDict

from hansa_quickstart.failure import INVALID, Failure

FORM: Final = 1
"""The version of how a backup is written."""


class Member(TypedDict):
    """The SHA-256 of a member, in hexadecimal digits, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself.

    `made` is the time of the backup (UTC, ISO 8601), `folder` that of the cluster, `schema` the
    version of the schema of the ODB, `revision` the newest one of the cluster, `pause` the seconds
    for which writes to Redis waited. `rows` counts those of each table of the ODB, `keys` those of
    Redis; `warnings` says what is not in it.
    """

    made: str
    cluster: str
    folder: str
    hansa: str
    python: str
    plugins: dict[str, str]
    odb: str
    schema: str
    revision: int
    rows: dict[str, int]
    keys: int
    pause: float
    warnings: list[str]
    members: dict[str, Member] = field(repr=False)
    form: int = FORM

    @property
    def text(self) -> str:
        """The manifest as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Return the manifest of a text; raises `Failure` for one of a newer form."""
        try:
            content = json.loads(text.decode())
            form = int(content["form"])
            if form > FORM:
                newer = "the backup was made by a newer version of hansa-backup: install it"
                raise Failure(newer, INVALID)
            for name, kind in (("members", dict), ("rows", dict), ("folder", str)):
                if not isinstance(content[name], kind):
                    raise TypeError(f"{name} is of another type")
            return cls(**content)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Failure(f"the manifest of the backup cannot be read: {error}", INVALID) from None
