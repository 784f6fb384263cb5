"""`zato.service.*`: deployed services, their sources, the channels that lead to them."""

from __future__ import annotations

import hashlib
from typing import Final

from ...dialect.channel import stable_id
from ...dialect.exceptions import HTTPException
from ...dialect.lookup import impl_name
from ...payloads import PlainDict
from ...sio.types import AsIs, Boolean, Integer
from ..call import Call, is_known
from ..declaration import SERVICE, Declared
from ..listing import listed
from ..numbers import definition_id
from ..texts import LATER, decoded, encoded
from ..wsdl import NOT_FOUND, wsdl_of

PLUGIN: Final = "plugin "
"""What the origin of a service begins with that comes with a plugin."""
USUAL: Final = 99_999
"""Milliseconds over which a response is slow, where nothing else is set, as in Zato."""
OUTPUT: Final = (
    "id",
    "name",
    "is_active",
    "impl_name",
    "is_internal",
    Boolean("may_be_deleted"),
    Integer("usage"),
    Integer("slow_threshold"),
)
TIMES: Final = ("time_last", "time_min_all_time", "time_max_all_time", "time_mean_all_time")
"""Durations in milliseconds."""


def get_list(call: Call) -> list[PlainDict]:
    """List the services."""
    found = call.all("admin.service.list", statistics=True)
    slow = thresholds(call)
    return listed(call, [row_of(call, item, slow) for item in found])


def get_by_name(call: Call) -> PlainDict:
    """Show a service, and how long its calls took."""
    name = call.text("name")
    call.admin("admin.service.get", name=name)
    rows = call.all("admin.service.list", filter=name, statistics=True)
    [item] = [item for item in rows if item["name"] == name]
    found = row_of(call, item, thresholds(call))
    if is_known(call.server, "admin.statistics.summary"):
        times = call.admin("admin.statistics.summary", name=name, span="year")["figures"]
        found["usage"] = times["count"]
        found["time_max_all_time"] = times["max"]
        found["time_mean_all_time"] = times["mean"]
    return found


def row_of(call: Call, item: PlainDict, slow: dict[str, int]) -> PlainDict:
    """Return a service as Zato shows one."""
    name = item["name"]
    is_internal = item["origin"].startswith(PLUGIN)
    return {
        "id": stable_id(name),
        "name": name,
        "is_active": True,
        "impl_name": impl_name(call.server.registry.service(name).cls),
        "is_internal": is_internal,
        "may_be_deleted": not is_internal,
        "usage": (item.get("statistics") or {}).get("count", 0),
        "slow_threshold": slow.get(name, USUAL),
    }


def thresholds(call: Call) -> dict[str, int]:
    """Return from which duration on, in ms, the calls of services are kept as slow."""
    if not is_known(call.server, "admin.sampling.list"):
        return {}
    return {
        item["name"]: int(item["slower_than"])
        for item in call.all("admin.sampling.list")
        if item.get("slower_than") is not None
    }


def edit(call: Call) -> PlainDict:
    """Set from which duration on a call is slow."""
    name = call.service_name()
    call.admin("admin.service.get", name=name)  # who may not see it learns nothing of it
    if call.input.get("is_active") is False:
        raise call.refuse("is_active: a service is switched off by its channels, or deleted")
    threshold = call.input.get("slow_threshold")
    if threshold is not None:
        call.admin("admin.sample.settings", service=name, slower_than=threshold, until=LATER)
    cls = call.server.registry.service(name).cls
    return {"id": stable_id(name), "name": name, "impl_name": impl_name(cls)}


def delete(call: Call) -> None:
    """Take a service out of use."""
    call.admin("admin.service.delete", name=call.service_name())


def get_channel_list(call: Call) -> list[PlainDict]:
    """List the channels that lead to a service."""
    name = call.service_name()
    wanted = CHANNEL_TYPES.get(call.text("channel_type"), call.text("channel_type"))
    found = []
    for channel in call.admin("admin.service.get", name=name)["channels"]:
        type, _, channel_name = channel.partition(" ")
        if wanted in ("", type):
            id = definition_id("channel", type, channel_name)
            found.append({"id": id, "name": channel_name})
    return listed(call, found)


CHANNEL_TYPES: Final = {
    "plain_http": "http",
    "jms-wmq": "ibmmq",
    "zmq": "zeromq",
    "scheduler": "schedule",
}
"""Types of channels whose names are others in Zato."""


def get_deployment_info_list(call: Call) -> list[PlainDict]:
    """List the servers, all of which serve the same version of a service."""
    name = call.service_name()
    found = call.admin("admin.service.get", name=name)
    details = {"file": found["origin"], "version": found["version"], "service": name}
    servers = call.admin("admin.cluster.status")["servers"]
    return [
        {
            "server_id": definition_id("server", "", server["name"]),
            "server_name": server["name"],
            "details": details,
        }
        for server in servers
    ]


def get_source_info(call: Call) -> PlainDict:
    """Show the source of a service."""
    name = call.service_name()
    found = call.admin("admin.service.get", name=name)
    source = (found["source"] or "").encode()
    return {
        "service_id": stable_id(name),
        "server_name": call.server.name,
        "source": encoded(source),
        "source_path": found["origin"],
        "source_hash": hashlib.sha256(source).hexdigest(),
        "source_hash_method": "SHA-256",
    }


def upload_package(call: Call) -> None:
    """Deploy a source, to all servers."""
    payload = decoded(call, "payload")
    file = call.text("payload_name")
    try:
        source = payload.decode()
    except UnicodeDecodeError:
        raise call.refuse("payload: is no source in UTF-8") from None
    call.admin("admin.service.deploy", file=file, source=source)


def has_wsdl(call: Call) -> PlainDict:
    """Whether a SOAP channel leads to a service."""
    name = call.service_name()
    call.admin("admin.service.get", name=name)
    found = wsdl_of(call.server, name, "")
    return {"service_id": stable_id(name), "has_wsdl": found is not None}


def get_wsdl(call: Call) -> PlainDict:
    """Return the WSDL of a service, for a server at an address of the caller's own."""
    name = call.service_name()
    call.admin("admin.service.get", name=name)
    document = wsdl_of(call.server, name, "http://localhost:11223")
    if document is None:
        raise HTTPException(call.cid, NOT_FOUND, 404)
    return {
        "service_id": stable_id(name),
        "wsdl_name": f"{name}.wsdl",
        "wsdl": encoded(document),
    }


def set_wsdl(call: Call) -> None:
    """Upload the WSDL of a service, for the SOAP channels that lead to it."""
    name = call.service_name()
    call.admin("admin.service.get", name=name)
    text = decoded(call, "wsdl").decode(errors="replace")
    call.admin("admin.wsdl.set", service=name, text=text)


DERIVED: Final = "the WSDL is uploaded, or derived from the SOAP channels of the service"
SERVICES: Final = (
    Declared(
        "zato.service.get-list",
        get_list,
        ("admin.service.list",),
        output=OUTPUT,
        is_list=True,
    ),
    Declared(
        "zato.service.get-by-name",
        get_by_name,
        ("admin.service.get", "admin.statistics.summary"),
        required=("name",),
        output=(*OUTPUT, *TIMES),
        differs="the figures are those of a year; the last and the shortest time are not counted",
    ),
    Declared(
        "zato.service.edit",
        edit,
        ("admin.sample.settings",),
        optional=(*SERVICE, "is_active", Integer("slow_threshold")),
        output=("id", "name", "impl_name"),
        differs="a service cannot be inactive",
    ),
    Declared("zato.service.delete", delete, ("admin.service.delete",), optional=SERVICE),
    Declared(
        "zato.service.get-channel-list",
        get_channel_list,
        ("admin.service.get",),
        optional=(*SERVICE, "channel_type"),
        output=("id", "name"),
        is_list=True,
    ),
    Declared(
        "zato.service.get-deployment-info-list",
        get_deployment_info_list,
        ("admin.service.get", "admin.cluster.status"),
        optional=SERVICE,
        output=("server_id", "server_name", AsIs("details")),
        is_list=True,
    ),
    Declared(
        "zato.service.get-source-info",
        get_source_info,
        ("admin.service.get",),
        optional=SERVICE,
        output=(
            "service_id",
            "server_name",
            "source",
            "source_path",
            "source_hash",
            "source_hash_method",
        ),
    ),
    Declared(
        "zato.service.upload-package",
        upload_package,
        ("admin.service.deploy",),
        required=("payload", "payload_name"),
        differs="of sources; archives are deployed by admin.service.deploy, file by file",
    ),
    Declared(
        "zato.service.has-wsdl",
        has_wsdl,
        ("admin.service.get",),
        optional=SERVICE,
        output=("service_id", Boolean("has_wsdl")),
        differs=DERIVED,
    ),
    Declared(
        "zato.service.get-wsdl",
        get_wsdl,
        ("admin.service.get",),
        optional=SERVICE,
        output=("service_id", "wsdl_name", "wsdl"),
        differs=f"{DERIVED}; it is in Base64, and as a file at /zato/wsdl",
    ),
    Declared(
        "zato.service.set-wsdl",
        set_wsdl,
        ("admin.wsdl.set",),
        required=("wsdl", "wsdl_name"),
        optional=SERVICE,
        differs="of a service behind SOAP channels, which serve it; wsdl_name is read, and not kept",
    ),
)
