"""`self.channel`: text equal to its type, as services of 2.0 use it, with the attributes of 3.x."""

from __future__ import annotations

import zlib

from hansa import Binding, HansaError, Server

from ..bunch import Bunch
from ..constants import channel_type, security_type
from ..payloads import Value


class ChannelInfo(str):
    """The channel through which a service was invoked; its text is its type."""

    id: int
    """The number that Zato's admin API lists the channel under."""
    name: str
    type: str
    data_format: str
    is_internal: bool
    match_target: str
    impl: Value
    security: Bunch

    def __new__(
        cls,
        type: str,
        name: str = "",
        data_format: str = "",
        impl: object = None,
        security: Bunch | None = None,
        id: int = 0,
    ) -> ChannelInfo:
        made = super().__new__(cls, type)
        made.id = id
        made.name = name
        made.type = type
        made.data_format = data_format
        made.is_internal = name.startswith("zato.")
        made.match_target = getattr(impl, "url_path", "")
        made.impl = impl
        made.security = security or Bunch(id=None, name=None, type=None, username=None, impl=None)
        return made

    @property
    def sec(self) -> Bunch:
        """The same as `security`."""
        return self.security


def stable_id(name: str) -> int:
    """Return a number that stands for a name, the same on all servers at all times.

    Hansa itself has no numbers.
    """
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def definition_id(kind: str, type: str, name: str) -> int:
    """Return the number of a definition."""
    return stable_id(f"{kind} {type} {name}")


def channel_of(binding: Binding, type: str, principal: object, data_format: str) -> ChannelInfo:
    """Return the channel of one request.

    `type` overrides that of the binding if it is not empty; `principal` is who called, if
    authenticated.
    """
    security = _security_of(binding, principal) if principal else None
    shown_type = type or channel_type(binding.type)
    id = definition_id("channel", binding.type, binding.channel) if binding.channel else 0
    return ChannelInfo(shown_type, binding.channel, data_format, binding.config, security, id)


def _security_of(binding: Binding, principal: object) -> Bunch:
    """Return who called, and the definition that let them in."""
    configured = getattr(binding.config, "security", None)
    single = configured if isinstance(configured, str) else None
    name: str | None = getattr(principal, "definition", None) or single
    type = _type_of(binding.server, name) if name else None
    return Bunch(
        id=definition_id("security", type, name) if name and type else None,
        name=name,
        type=security_type(type) if type else None,
        username=str(principal),
        impl=principal,
    )


def _type_of(server: Server, name: str) -> str | None:
    """Return the type of a definition; None if it was deleted meanwhile."""
    try:
        return server.objects.security(name).type
    except HansaError:
        return None
