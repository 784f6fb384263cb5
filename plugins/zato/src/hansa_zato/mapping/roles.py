"""Roles: Zato permits verbs of services to them, and here they name the channels that have these verbs."""

from __future__ import annotations

from glob import escape
from typing import Final

from ..payloads import PlainDict
from .mapping import Mapping
from .parts import Custom, Reading, Writing

ROLE: Final = "rbac_role"
PERMISSION: Final = "rbac_permission"
CLIENT: Final = "rbac_client_role"
GRANT: Final = "rbac_role_permission"
"""The keys of files under which roles are, the verbs, who has a role, and what a role may."""
ROOT: Final = "Root"
"""The role of Zato that all others descend from; it is none here."""

VERBS: Final = {
    "GET": "Read",
    "POST": "Create",
    "PUT": "Update",
    "PATCH": "Update",
    "DELETE": "Delete",
}
"""The permission that each HTTP method needs."""
ALL: Final = frozenset(VERBS.values())
CHANNELS: Final = {"channel_plain_http": "http", "channel_soap": "soap"}
"""The sections of files whose channels roles guard, with their types here."""
CLIENTS: Final = "sec_def"
"""How a client of roles begins that is a security definition: sec_def:::TYPE:::NAME."""

_PLAIN: Final = frozenset({"active", "channels", "security", "parents"})


def needed(method: object, type: str) -> frozenset[str]:
    """Return the permissions that a channel needs for all that it takes."""
    if type == "soap":
        return frozenset({VERBS["POST"]})
    word = str(method or "").upper()
    return frozenset({VERBS[word]}) if word in VERBS else ALL


def pattern_of(type: str, name: str) -> str:
    """Return how a role names a channel."""
    return f"{type} {escape(name)}"


def _read(reading: Reading) -> None:
    """Take what the reader of files has gathered of a role: see enmasse/roles.py."""
    for setting in ("channels", "security", "parents"):
        if reading.item.get(setting):
            reading.settings[setting] = reading.item[setting]


def _write(writing: Writing) -> None:
    parents = list(writing.settings.get("parents") or [])
    writing.put("parent_name", parents[0] if parents else ROOT)
    if len(parents) > 1:
        writing.lost("parents", f"Zato takes one parent; {', '.join(parents[1:])} are left out")


def is_plain(settings: PlainDict) -> bool:
    """Whether a role is one that Zato has, too: it names channels and security definitions alone."""
    return all(setting in _PLAIN or not value for setting, value in settings.items())


ROLES: Final = (
    Mapping(
        ROLE,
        "role",
        "role",
        (
            Custom(
                ("parent_name",),
                ("channels", "security", "parents"),
                _read,
                _write,
            ),
        ),
        note="it names the channels all of whose verbs it may use, and its callers",
        quiet=frozenset({"parent_id", "channels", "security", "parents"}),
    ),
)
