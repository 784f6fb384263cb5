"""Channels that would let in who should not be: told when they are defined, and not to callers."""

from __future__ import annotations

from ..contract.kinds import Channel, ChannelSettings, Definition
from ..contract.registry import Registry
from ..contract.service import open_door
from ..foundation.errors import NotFound
from ..settings.faults import Faults
from ..settings.model import Model


def security_faults(cls: type[Definition], config: Model, registry: Registry) -> Faults:
    """Return what is wrong with the security of a channel; nothing for any other kind.

    Where it is given it names definitions, and a service that administers the cluster needs one.
    """
    if not issubclass(cls, Channel) or not isinstance(config, ChannelSettings):
        return {}
    names = config.security_names
    if config.security is not None and (not names or "" in names):
        return {"security": "names no definition: leave it out, or null, to let anybody in"}
    if names or not cls.has_callers:
        return {}
    try:
        service = registry.service(config.service).cls
    except NotFound:
        return {}
    if service.is_administrative():
        return {"security": open_door(config.service)}
    return {}
