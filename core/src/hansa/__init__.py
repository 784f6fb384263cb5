"""Hansa: an integration server whose every protocol, format and mechanism is a plugin. This root is the public contract."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract.hookspecs import hookimpl as hookimpl
    from .contract.kinds import (
        Channel as Channel,
        Definable as Definable,
        Edit as Edit,
        Format as Format,
        NoSettings as NoSettings,
        Outgoing as Outgoing,
        Security as Security,
        lease_name as lease_name,
    )
    from .contract.message import Request as Request, Response as Response, new_cid as new_cid
    from .contract.service import (
        Binding as Binding,
        Service as Service,
        automatic_name as automatic_name,
        current_cid as current_cid,
    )
    from .foundation.errors import (
        Conflict as Conflict,
        Forbidden as Forbidden,
        HansaError as HansaError,
        Invalid as Invalid,
        NotAllowed as NotAllowed,
        NotFound as NotFound,
        Refused as Refused,
        TimedOut as TimedOut,
        TooLarge as TooLarge,
        TooMany as TooMany,
        Unavailable as Unavailable,
        problem as problem,
    )
    from .plugins.discovery import check_plugins as check_plugins, discover as discover
    from .process.children import spawn as spawn, started_at as started_at
    from .process.logs import rotate_log as rotate_log
    from .settings.model import (
        Model as Model,
        Secret as Secret,
        decode_hook as decode_hook,
        dump as dump,
        explain as explain,
        fields as fields,
        learn as learn,
        load as load,
        resolve as resolve,
        schema as schema,
        setting as setting,
    )

_PUBLIC = {
    "contract.hookspecs": ("hookimpl",),
    "contract.kinds": (
        "Channel",
        "Definable",
        "Edit",
        "Format",
        "NoSettings",
        "Outgoing",
        "Security",
        "lease_name",
    ),
    "contract.message": ("Request", "Response", "new_cid"),
    "contract.service": ("Binding", "Service", "automatic_name", "current_cid"),
    "foundation.errors": (
        "Conflict",
        "Forbidden",
        "HansaError",
        "Invalid",
        "NotAllowed",
        "NotFound",
        "Refused",
        "TimedOut",
        "TooLarge",
        "TooMany",
        "Unavailable",
        "problem",
    ),
    "plugins.discovery": ("check_plugins", "discover"),
    "process.children": ("spawn", "started_at"),
    "process.logs": ("rotate_log",),
    "settings.model": (
        "Model",
        "Secret",
        "decode_hook",
        "dump",
        "explain",
        "fields",
        "learn",
        "load",
        "resolve",
        "schema",
        "setting",
    ),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the program `hansa` begins without any of them."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value
