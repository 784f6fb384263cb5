"""Values of files that name environment variables, as minimal files have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..payloads import PlainDict
from .findings import Finding, ZatoObject

_NAMED: Final = re.compile(r"(?:Zato_?Enmasse_?Env\.|\$\{)([A-Za-z_][A-Za-z0-9_.-]*)\}?\Z")

SECRET_KEYS: Final = frozenset({"password", "secret", "key", "secret_value", "token"})
"""Keys whose values may stay references, which servers look up themselves."""


def variable_of(value: object) -> str | None:
    """Return the environment variable that a value names; None if it names none."""
    found = _NAMED.match(value) if isinstance(value, str) else None
    return found[1] if found else None


def with_values(
    one: ZatoObject, variables: Mapping[str, str], findings: list[Finding], *, keep: bool
) -> ZatoObject:
    """Return an object with the values of variables; those not set are among the findings.

    With `keep`, passwords stay references, `{"$env": NAME}`, to the environment of the servers.
    """
    item: PlainDict = {}
    for key, value in one.item.items():
        name = variable_of(value)
        if name is None:
            item[key] = value
        elif keep and key in SECRET_KEYS:
            item[key] = {"$env": name}
        elif name in variables:
            item[key] = variables[name]
        else:
            findings.append(one.finding("E21", f"the environment has no {name}", key))
    return ZatoObject(one.section, item, one.file, one.line)
