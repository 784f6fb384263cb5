"""`self.channel`: equal to its type as text, as services of 2.0 compare it, and with the attributes that 3.x gives it."""

from __future__ import annotations

from typing import Any

from hansa import Binding

from ..bunch import Bunch
from ..constants import channel_type


class ChannelInfo(str):
    """The channel through which a service was invoked; its text is its type."""

    id: int
    name: str
    type: str
    data_format: str
    is_internal: bool
    match_target: str
    impl: Any
    security: Bunch

    def __new__(
        cls,
        type: str,
        name: str = "",
        data_format: str = "",
        impl: Any = None,
        security: Bunch | None = None,
    ) -> ChannelInfo:
        made = super().__new__(cls, type)
        made.type, made.name, made.data_format, made.impl = type, name, data_format, impl
        made.id = stable_id(name)
        made.is_internal = name.startswith("zato.")
        made.match_target = getattr(impl, "url_path", "")
        made.security = security or Bunch(id=None, name=None, type=None, username=None, impl=None)
        return made

    @property
    def sec(self) -> Bunch:
        """The same as `security`."""
        return self.security


def stable_id(name: str) -> int:
    """A number that stands for a name, the same on all servers at all times; Hansa itself knows objects by name alone."""
    import zlib

    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def channel_of(binding: Binding, type: str, principal: Any, data_format: str) -> ChannelInfo:
    """The channel of one request: `type` overrides that of the binding if not empty, `principal` is who called."""
    security = None
    if principal:
        named = getattr(binding.config, "security", None)
        name = named if isinstance(named, str) else None
        security = Bunch(
            id=stable_id(name or ""), name=name, type=None, username=str(principal), impl=principal
        )
    return ChannelInfo(
        type or channel_type(binding.type), binding.channel, data_format, binding.config, security
    )
