"""`zato.http-soap.*`: channels and outgoing connections over HTTP, plain or SOAP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ...mapping import MAPPINGS, Mapping
from ...payloads import PlainDict
from ..call import Call
from ..crud import CRUD, ObjectType
from ..declaration import Declared, missing

_BY_KEY: Final = {mapping.zato: mapping for mapping in MAPPINGS}
AXES: Final = ("connection", "transport")
KINDS: Final = {
    ("channel", "plain_http"): _BY_KEY["channel_plain_http"],
    ("channel", "soap"): _BY_KEY["channel_soap"],
    ("outgoing", "plain_http"): _BY_KEY["outconn_plain_http"],
    ("outgoing", "soap"): _BY_KEY["outconn_soap"],
}
"""The mappings, by connection and transport."""
PLACES: Final = {(one.kind, one.type): place for place, one in KINDS.items()}


@dataclass(frozen=True)
class HTTPType(ObjectType):
    """The one type of objects in Zato that is four types of definitions."""

    def _wanted(self, call: Call) -> Iterable[Mapping]:
        connection, transport = (call.text(name) for name in AXES)
        for (one, other), mapping in KINDS.items():
            if connection in ("", one) and transport in ("", other):
                yield mapping

    def _row(self, call: Call, mapping: Mapping, item: PlainDict) -> PlainDict:
        row = super()._row(call, mapping, item)
        place = PLACES[mapping.kind, mapping.type]
        return {**row, **dict(zip(AXES, place, strict=True))}


def choose(call: Call) -> Mapping:
    """Return the mapping that a call asks for; raises `BadRequest`."""
    place = call.text("connection") or "channel", call.text("transport") or "plain_http"
    for name in AXES:
        call.input.pop(name, None)
    if place not in KINDS:
        known = ", ".join(f"{one} {other}" for one, other in KINDS)
        raise call.refuse(f"connection, transport: {' '.join(place)} is none of {known}")
    return KINDS[place]


TYPE: Final = HTTPType(
    "zato.http-soap", tuple(KINDS.values()), (*CRUD, "ping"), choose=choose, axes=AXES
)
AUDIT: Final = (
    "get-audit-config",
    "set-audit-config",
    "get-audit-replace-patterns",
    "set-audit-replace-patterns",
    "set-audit-state",
    "get-audit-item-list",
    "get-audit-batch-info",
    "get-audit-item",
)


def reload_wsdl(call: Call) -> None:
    """Have the connection read its WSDL anew, by starting it anew."""
    record, mapping = TYPE.find(call)
    prefix = f"admin.{mapping.kind}.{mapping.type}"
    is_active = record.data.get("active", True)
    call.admin(f"{prefix}.edit", name=record.name, active=False)
    if is_active:
        call.admin(f"{prefix}.edit", name=record.name, active=True)


SERVICES: Final = (
    *TYPE.declared(),
    Declared(
        "zato.http-soap.reload-wsdl",
        reload_wsdl,
        ("admin.outgoing.soap.edit",),
        required=("id",),
        differs="the connection is stopped and started, and refuses calls for that moment",
    ),
    *missing(
        "samples of messages are kept by service (hansa-samples), and calls by hansa-audit",
        *(f"zato.http-soap.{action}" for action in AUDIT),
    ),
)
