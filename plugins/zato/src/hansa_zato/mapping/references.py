"""Parts that name something else: a service, a security definition, a data format."""

from __future__ import annotations

from typing import Final

from .parts import NO_SECURITY, Custom, Field, Reading, Writing
from .values import one_of

SECURITY_KEYS: Final = ("sec_def", "security_name", "security", "sec_name")
GROUP_KEYS: Final = ("groups", "security_groups")

SERVICE: Final = Field("service", "service", also=("service_name",), required=True)
"""The service of a channel or job; its name in Zato is its name here."""

FORMAT: Final = Field(
    "data_format",
    "format",
    one_of(
        {
            "": "",
            "json": "json",
            "xml": "xml",
            "csv": "csv",
            "dict": "json",
            "hl7": "hl7v2",
            "form": "form",
        },
        what="data format",
    ),
    default="",
)


def _read_security(reading: Reading, *, signs: bool) -> None:
    given = reading.first(SECURITY_KEYS)
    names = [str(given)] if given not in (None, "", NO_SECURITY) else []
    for group in _groups(reading):
        members = reading.groups.get(group)
        if members is None:
            reading.fault("groups", f"there is no group {group!r}", "E05")
            continue
        if not members:
            # without a caller who is let in, the channel would be open to all
            reading.fault("groups", f"the group {group!r} has no members", "E05")
        names += [member for member in members if member not in names]
    if given is None and not names and reading.generation == "2.0":
        # leaving it out must not open a channel
        reading.fault("sec_def", f"is required; {NO_SECURITY} says that there is none", "E05")
        return
    reading.security.update(names)
    if signs:
        reading.signs.update(names)
    if names:
        reading.settings["security"] = names[0] if len(names) == 1 else names


def _groups(reading: Reading) -> list[str]:
    given = reading.first(GROUP_KEYS)
    return [str(one) for one in given] if isinstance(given, list) else [str(given)] * bool(given)


def _write_security(writing: Writing) -> None:
    value = writing.settings.get("security")
    names = [value] if isinstance(value, str) else list(value or [])
    key = {"2.0": "sec_def", "3.x": "security_name", "minimal": "security"}[writing.generation]
    if len(names) == 1:
        writing.put(key, names[0])
    elif names and writing.generation == "minimal":
        group = f"{writing.name}.callers"
        writing.groups[group] = names
        writing.put("groups", [group])
    elif names:
        # the channel would be open, so it must not be imported like this
        writing.put(key, names[0])
        writing.lost("security", f"Zato takes one definition; {', '.join(names[1:])} are left out")
    elif writing.generation == "2.0":
        writing.put(key, NO_SECURITY)


GUARD: Final = Custom(
    (*SECURITY_KEYS, *GROUP_KEYS),
    ("security",),
    lambda reading: _read_security(reading, signs=False),
    _write_security,
)
"""Who may call a channel: a security definition, or in minimal files groups of them."""

SIGNATURE: Final = Custom(
    SECURITY_KEYS,
    ("security",),
    lambda reading: _read_security(reading, signs=True),
    _write_security,
)
"""What an outgoing call is signed by: the definition named is made one that `signs`."""
