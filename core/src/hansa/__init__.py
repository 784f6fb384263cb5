"""Hansa: an integration server whose every protocol, format and mechanism is a plugin. This root is the public contract."""

from .errors import (
    Conflict,
    Forbidden,
    HansaError,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    TimedOut,
    TooLarge,
    TooMany,
    Unavailable,
    problem,
)
from .hookspecs import hookimpl
from .kinds import Channel, Definable, Format, NoSettings, Outgoing, Security
from .message import Request, Response, new_cid
from .processes import spawn, started_at
from .service import Binding, Service, automatic_name, current_cid
from .settings import Model, Secret, decode_hook, dump, explain, fields, load, resolve, schema, setting

__all__ = [
    "Binding", "Channel", "Conflict", "Definable", "Forbidden", "Format", "HansaError", "Invalid", "Model", "NoSettings",
    "NotAllowed", "NotFound", "Outgoing", "Refused", "Request", "Response", "Secret", "Security", "Service", "TimedOut", "TooLarge",
    "TooMany", "Unavailable", "automatic_name", "current_cid", "decode_hook", "dump", "explain", "fields", "hookimpl", "load",
    "new_cid", "problem", "resolve", "schema", "setting", "spawn", "started_at",
]  # fmt: skip
