"""What the name of a SimpleIO element says about its type."""

from __future__ import annotations

from typing import Final

from ..section import Profile
from .types import Boolean, BooleanInteger, ForceType, Hidden, Integer, Loose, Natural

INT_NAMES: Final = frozenset({"id"})
INT_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {"2.0": ("_id", "_size", "_timeout", "_count")}
INT_SUFFIXES["3.x"] = (*INT_SUFFIXES["2.0"], "_size_min", "_size_max")
BOOL_PREFIXES: Final[dict[str, tuple[str, ...]]] = {"2.0": ("is_", "needs_", "should_")}
BOOL_PREFIXES["3.x"] = (*BOOL_PREFIXES["2.0"], "by_", "has_", "may_")
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
    """The type of an element by its name alone: `..._id` is a whole number, `is_...` a boolean, the rest is text."""
    whole = name in INT_NAMES or name.endswith(INT_SUFFIXES[profile])
    boolean = name.startswith(BOOL_PREFIXES[profile])
    if boolean:
        return BooleanIntegerByName(name) if whole else BooleanByName(name)
    if whole:
        return IntegerByName(name)
    if name in SECRET_NAMES:
        return Hidden(name)
    return Loose(name) if profile == "3.x" else Natural(name)
