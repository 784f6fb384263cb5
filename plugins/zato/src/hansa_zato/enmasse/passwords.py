"""Passwords that a file lacks: kept where there is one, taken from the environment, or asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping as Environment
from typing import Final

from ..mapping import Key
from ..payloads import PlainDict
from .environment import SECRET_KEYS
from .translation import Translated, Translation

_NOT_IN_NAMES: Final = re.compile(r"[^A-Z0-9]+")

REQUIRED: Final[dict[tuple[str, str], str]] = {
    ("security", "basic"): "password",
    ("security", "apikey"): "key",
    ("security", "wss"): "password",
    ("security", "xpath"): "password",
    ("security", "ntlm"): "password",
    ("security", "oauth1"): "consumer_secret",
    ("security", "aws"): "secret_access_key",
    ("security", "oauth2"): "client_secret",
    ("security", "tls_key"): "key",
}
"""The secret that a definition of a type cannot be without."""

_HASHED: Final = frozenset({"basic", "apikey", "wss", "xpath"})
"""Types of security definitions that keep a hash of their secret, which cannot be compared."""

HOST_KEYS: Final = "known_hosts"
"""The setting with the keys of hosts, which is no secret, and which files have not."""
_OWNERS: Final = "the fingerprints that the owner of the host gives"

Ask = Callable[[str], str]
"""Asks a person for a secret, by a prompt."""


def variable_name(key: Key, setting: str) -> str:
    """Return the environment variable of a secret, the one that `hansa export --secrets env` names."""
    return _NOT_IN_NAMES.sub("_", "_".join((*key, setting)).upper()).strip("_")


def secrets_of(definition: Translated) -> Iterator[tuple[str, bool]]:
    """Return the secret settings of a definition, and whether it cannot be without."""
    kind, type, _ = definition.key
    required = REQUIRED.get((kind, type))
    if required is not None:
        yield required, True
    elif (kind, type) == ("outgoing", "sftp"):
        yield from _keys_of(definition)
    elif definition.settings.get("username") and not definition.settings.get("security"):
        yield "password", False


def _keys_of(definition: Translated) -> Iterator[tuple[str, bool]]:
    """Return how the server of an SFTP connection is known, and what it is logged in to with."""
    yield HOST_KEYS, True
    if definition.settings.get("password") is None:
        yield "key", bool(definition.source.item.get("identity_file"))
        yield "password", False


def fill(
    made: Translation,
    current: dict[Key, PlainDict],
    variables: Environment[str, str],
    *,
    ask: Ask | None = None,
    replace: bool = False,
) -> None:
    """Give the definitions the secrets that the file lacks; what is missing is among the findings.

    A secret that is there is kept where the file has none, and one that is kept as a hash anyway,
    unless it is to be replaced.
    """
    for definition in made.definitions.values():
        for setting, is_required in secrets_of(definition):
            _fill(
                made,
                definition,
                setting,
                current.get(definition.key, {}),
                variables,
                ask,
                replace=replace,
                is_required=is_required,
            )


def _fill(
    made: Translation,
    definition: Translated,
    setting: str,
    current: PlainDict,
    variables: Environment[str, str],
    ask: Ask | None,
    *,
    replace: bool,
    is_required: bool,
) -> None:
    given = definition.settings.get(setting)
    there = current.get(setting)
    if there is not None and (given is None or _is_kept(definition, given, current, replace)):
        definition.settings[setting] = there
        if given is not None and given != there:
            why = "the one that is there stays; --passwords replaces it"
            made.findings.append(definition.source.finding("W23", why, setting))
        return
    if given is not None:
        return
    name = variable_name(definition.key, setting)
    hint = f" to what ssh-keyscan tells, once compared with {_OWNERS}" * (setting == HOST_KEYS)
    value = variables.get(name) or (
        ask(_prompt(definition, setting)) if ask and is_required else ""
    )
    if value:
        definition.settings[setting] = value
    elif is_required and not _names_a_variable(made, definition):
        why = f"the file has none; set {name} in the environment{hint}"
        made.findings.append(definition.source.finding("E20", why, setting))
    elif not is_required:
        why = f"the file has none; {name} in the environment gives one"
        made.findings.append(definition.source.finding("W24", why, setting))


def _names_a_variable(made: Translation, definition: Translated) -> bool:
    """Whether the file names a variable for the secret, which has been told not to be there."""
    told = definition.source.finding("E21", "")
    where = (told.code, told.name, told.file, told.line)
    return any(
        (one.code, one.name, one.file, one.line) == where and one.key in SECRET_KEYS
        for one in made.findings
    )


def _is_kept(definition: Translated, given: object, current: PlainDict, replace: bool) -> bool:
    """Whether a secret stays that cannot be compared with the given one."""
    kind, type, _ = definition.key
    if replace or kind != "security" or type not in _HASHED or isinstance(given, dict):
        return False
    signs = definition.settings.get("signs") or current.get("signs")
    return signs == current.get("signs") and not signs


def _prompt(definition: Translated, setting: str) -> str:
    kind, type, name = definition.key
    return f"{setting} of {kind} {type} {name}"
