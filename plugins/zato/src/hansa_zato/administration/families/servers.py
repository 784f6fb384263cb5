"""`zato.server.*`, `zato.info.*`, and what concerns the cluster as a whole."""

from __future__ import annotations

import time
from typing import Final

from ...dialect.channel import stable_id
from ...payloads import PlainDict
from ...sio.types import AsIs
from ..call import Call
from ..declaration import Declared, missing
from ..numbers import definition_id
from ..texts import time_text

RUNNING: Final = "running"
CLEAN_DOWN: Final = "clean-down"


def get_by_id(call: Call) -> PlainDict:
    """Show a server of the cluster."""
    found = call.admin("admin.cluster.status")
    for server in found["servers"]:
        id = definition_id("server", "", server["name"])
        if str(id) == str(call.input["id"]):
            return server_row(server, found["cluster"], id)
    raise call.not_found("server", call.input["id"])


def server_row(server: PlainDict, cluster: str, id: int) -> PlainDict:
    """Return a server as Zato shows one."""
    return {
        "id": id,
        "cluster_id": stable_id(cluster),
        "name": server["name"],
        "host": server["host"],
        "last_join_status": "accepted",
        "up_status": CLEAN_DOWN if server["state"] == "silent" else RUNNING,
        "up_mod_date": time_text(time.time() - server["seconds"]),
    }


def get_info(call: Call) -> PlainDict:
    """Show what the server is, and its version."""
    found = call.admin("admin.server.status")
    return {"info": found}


def get_server_info(call: Call) -> PlainDict:
    """Show the server and its cluster."""
    found = call.admin("admin.server.status")
    return {"info": {"cluster_name": call.server.cluster.name, **found}}


OUTPUT: Final = (
    "id",
    "cluster_id",
    "name",
    "host",
    "last_join_status",
    "up_status",
    "up_mod_date",
)

SERVICES: Final = (
    Declared(
        "zato.server.get-by-id",
        get_by_id,
        ("admin.cluster.status",),
        required=("id",),
        output=OUTPUT,
        differs="the addresses of a server are in its own configuration, and not shown",
    ),
    Declared("zato.info.get-info", get_info, ("admin.server.status",), output=(AsIs("info"),)),
    Declared(
        "zato.info.get-server-info",
        get_server_info,
        ("admin.server.status",),
        output=(AsIs("info"),),
    ),
    *missing("the name and the address of a server are in its config.toml", "zato.server.edit"),
    *missing("a server that has ended leaves its cluster by itself", "zato.server.delete"),
    *missing(
        "a deployment reaches all workers by itself; zato.service.upload-package makes one",
        "zato.hot-deploy.create",
    ),
)
