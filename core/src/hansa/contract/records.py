"""The records that cross the contract: definitions, edits, states and reports, as plain values
without behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Key: TypeAlias = tuple[str, str, str]
"""What identifies a definition: its kind, its type and its name."""

PlainSettings: TypeAlias = dict[str, Any]
"""Settings as plain data, as they are written in JSON or TOML; values may be references such as
`{"$env": "X"}`.
"""

StateName: TypeAlias = Literal[
    "starting",
    "running",
    "retrying",
    "inactive",
    "elsewhere",
    "failed",
    "quarantined",
    "ending",
]


def label(key: Key) -> str:
    """Return a definition's key as messages name it: `channel http 'orders'`, or `role 'buyer'` of a
    kind whose only type has its name.
    """
    kind, type, name = key
    return f"{kind} {name!r}" if kind == type else f"{kind} {type} {name!r}"


@dataclass(frozen=True, slots=True)
class DefinitionRecord:
    """One definition as it is stored, or as a plugin brings it (`builtin`).

    Secrets in `data` are `{"$encrypted": TOKEN}`; references such as `{"$env": "X"}` are kept as
    they were given. `revision` is that of its last change, 0 for one that is built in.
    """

    kind: str
    type: str
    name: str
    data: PlainSettings
    revision: int = 0
    builtin: bool = False

    @property
    def key(self) -> Key:
        """Kind, type and name."""
        return self.kind, self.type, self.name


MakeMode: TypeAlias = Literal["edit", "set"]
"""Whether an object is made of given settings over the stored ones, or of these alone."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one definition: `data` holds its settings, None deletes it.

    `mode` is `create` (must not exist yet), `edit` (the given settings replace the stored ones, the
    others stay) or `set` (exactly these settings). With `seen_revision` the change is refused
    unless the definition is still at that revision. `declared` is the digest of the declaration in
    config.toml that the edit comes from.
    """

    key: Key
    data: PlainSettings | None = None
    mode: Literal["create", "edit", "set"] = "set"
    seen_revision: int | None = None
    declared: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A setting that names something else: its path, and the kind, type and name that must exist.

    An empty `type` means any type of that kind.
    """

    setting: str
    kind: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class StoredChange:
    """What one transaction has stored: its revision, its author, and what was done to what.

    `actions` are pairs of a key, as in the change log, and an action such as `define`, `delete`,
    `deploy` or `rollback`.
    """

    revision: int
    by: str
    actions: tuple[tuple[Key, str], ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A stored change: its revision, the workers that have applied it, and those that have not done
    so yet.
    """

    revision: int
    applied: list[str]
    pending: list[str]


@dataclass(frozen=True, slots=True)
class DeployedPackage:
    """One package of a deployment: its file or folder, the version that now serves, and its
    services by name, sorted.
    """

    file: str
    version: int
    services: list[str]


@dataclass(frozen=True, slots=True)
class Deployment(Applied):
    """A stored deployment: the packages that were given, and who has loaded them."""

    packages: list[DeployedPackage]


@dataclass(frozen=True, slots=True)
class ObjectState:
    """How the object of a definition does in one worker.

    `why` says why it does not run, or, while it is `running`, that its other side does not answer.
    `since` is in seconds of the Unix epoch; `revision` is that of the definition the worker has.
    """

    state: str
    why: str = ""
    since: float = 0.0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """Which keys of secrets a worker has: their fingerprints, in the order in which it has them,
    and the path of the file with them, empty where they are in the configuration.
    """

    fingerprints: list[str]
    file: str = ""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker reported last: its server, the revision it has applied, when, the states that
    are not plain `running`, and its keys, if it reports them.

    `states` maps `kind type name` to a state; what is missing is running without trouble.
    """

    worker: str
    server: str
    revision: int
    at: float
    states: Mapping[str, ObjectState] = field(default_factory=dict)
    keys: HeldKeys | None = None


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that is held: by whom, its fencing token, and the seconds left unless it is renewed."""

    holder: str
    token: int
    left: float


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One plugin: `status` is `loaded`, `blocked`, `failed`, `quarantined`, `installed` (since this
    worker started) or `removed` (since then); `why` says why, and what can be done. `level` is the
    quality level that it declares, if any: bronze, silver or gold; what is none of them is followed
    by `(invalid)`.
    """

    name: str
    distribution: str
    version: str
    status: str = "found"
    why: str = ""
    level: str = ""
