"""The rights that admin services declare they need of their callers, which roles grant."""

from __future__ import annotations

from typing import Literal, TypeAlias

from hansa import Service

Right: TypeAlias = Literal[
    "view", "payloads", "operate", "develop", "deploy", "invoke", "administer"
]
"""What an admin service lets its callers do: look at everything but payloads and secrets; look at
payloads; operate what there is (ping, run, replay, drain, restart); define and change definitions;
deploy code; call services; administer users, plugins, and what is deleted for good.
"""

Finality: TypeAlias = Literal["never", "sometimes", "always"]
"""Whether calls of an admin service are final: they cannot be undone, or they change who may do
what. It is `sometimes` where that depends on the input.
"""


def finality_of(service: type[Service]) -> Finality:
    """Return the finality that an administrative service declares: `never` if it declares none."""
    finality: Finality = getattr(service, "final", "never")
    return finality


def right_of(service: type[Service]) -> Right | None:
    """Return the right that an administrative service declares it needs: that of the highest role
    if it declares none, None for a gateway to other services.
    """
    right: Right | None = getattr(service, "right", "administer")
    return right


class Authorizing:
    """Base of types whose definitions decide who may do what: only those who may administer create,
    edit or delete them.
    """
