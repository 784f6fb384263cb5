"""The rights that admin services declare they need of their callers, which roles grant."""

from __future__ import annotations

from typing import Literal, TypeAlias

Right: TypeAlias = Literal[
    "view", "payloads", "operate", "develop", "deploy", "invoke", "administer"
]
"""What an admin service lets its callers do: look at everything but payloads and secrets; look at
payloads; operate what there is (ping, run, replay, drain, restart); define and change definitions;
deploy code; call services; administer users, plugins, and what is deleted for good.
"""


class Authorizing:
    """Base of types whose definitions decide who may do what: only those who may administer create,
    edit or delete them.
    """
