"""What the name of a SimpleIO element says about its type."""

from __future__ import annotations

from typing import Final

from ..section import Profile
from .types import Boolean, BooleanInteger, ForceType, Hidden, Integer, Loose, Natural

INT_NAMES: Final = frozenset({"id"})
INT_SUFFIXES: Final[dict[Profile, tuple[str, ...]]] = {
    "2.0": ("_id", "_size", "_timeout", "_count"),
    "3.x": ("_id", "_size", "_timeout", "_count", "_size_min", "_size_max"),
}
BOOL_PREFIXES: Final[dict[Profile, tuple[str, ...]]] = {
    "2.0": ("is_", "needs_", "should_"),
    "3.x": ("is_", "needs_", "should_", "by_", "has_", "may_"),
}
SECRET_NAMES: Final = frozenset(
    (
        "apiKey",
        "api_key",
        "auth_data",
        "auth_token",
        "password",
        "password1",
        "password2",
        "secret_key",
        "tls_pem_passphrase",
        "token",
        "xApiKey",
    )
)


class ByName:
    """Marks a type that came from a name, not from the declaration."""


class IntegerByName(ByName, Integer):
    """A whole number, since its name says so."""


class BooleanByName(ByName, Boolean):
    """A boolean, since its name says so; nothing given means False."""


class BooleanIntegerByName(ByName, BooleanInteger):
    """Both, since its name says so."""


def by_name(name: str, profile: Profile) -> ForceType:
    """Return an element's type by its name alone.

    `..._id` is a whole number, `is_...` a boolean, the rest is text.
    """
    is_whole = name in INT_NAMES or name.endswith(INT_SUFFIXES[profile])
    is_boolean = name.startswith(BOOL_PREFIXES[profile])
    if is_boolean and is_whole:
        return BooleanIntegerByName(name)
    if is_boolean:
        return BooleanByName(name)
    if is_whole:
        return IntegerByName(name)
    if name in SECRET_NAMES:
        return Hidden(name)
    return Loose(name) if profile == "3.x" else Natural(name)
