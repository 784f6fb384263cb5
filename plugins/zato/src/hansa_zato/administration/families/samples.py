"""`zato.service.*` of messages that are kept: samples, and slow responses."""

from __future__ import annotations

from typing import Final

from ...dialect.channel import stable_id
from ...dialect.exceptions import HTTPException
from ...payloads import PlainDict
from ...sio.types import Float, Integer
from ..call import Call
from ..declaration import SERVICE, Declared
from ..listing import listed
from ..texts import LATER, encoded, time_text

KEPT: Final = 100
"""Number of slow responses that are listed, as in Zato."""
NOTHING: Final[PlainDict] = {
    "sample_cid": "",
    "sample_req_ts": "",
    "sample_resp_ts": "",
    "sample_req": "",
    "sample_resp": "",
}


def get_request_response(call: Call) -> PlainDict:
    """Show the last sample of a service, and how often one is kept."""
    name = call.service_name()
    found = call.admin("admin.sample.list", service=name, limit=1)["items"]
    shown = NOTHING
    if found:
        sample = call.admin("admin.sample.get", id=found[0]["id"])
        shown = {
            "sample_cid": sample["cid"],
            "sample_req_ts": time_text(sample["at"]),
            "sample_resp_ts": time_text(sample["at"] + sample["ms"] / 1000),
            "sample_req": content(sample["request"]),
            "sample_resp": content(sample["answer"]),
        }
    return {
        **shown,
        "service_id": stable_id(name),
        "sample_req_resp_freq": sampling(call, name).get("every", 0),
    }


def content(message: PlainDict) -> str:
    """Return a kept message in Base64."""
    return str(message["base64"] or encoded(message["text"]))


def configure_request_response(call: Call) -> None:
    """Keep one in so many requests of a service; 0 for none."""
    name = call.service_name()
    every = call.input.get("sample_req_resp_freq") or 0
    call.admin("admin.sample.settings", service=name, every=every, until=LATER)


def slow_responses(call: Call) -> list[PlainDict]:
    """List the calls of a service that were slow."""
    name = call.service_name()
    limit = threshold(call, name)
    found = call.admin("admin.sample.list", service=name, why="slow", limit=KEPT)["items"]
    return listed(call, [slow_row(item, limit) for item in found], by="cid")


def threshold(call: Call, name: str) -> int:
    """Return from how many milliseconds on the calls of a service are slow; 0 if it is not set."""
    return int(sampling(call, name).get("slower_than") or 0)


def sampling(call: Call, name: str) -> PlainDict:
    """Return how a service is sampled; nothing if it is not."""
    found = call.all("admin.sampling.list", filter=name)
    return next((item for item in found if item["name"] == name), {})


def slow_row(sample: PlainDict, limit: int) -> PlainDict:
    """Return a slow call as Zato shows one."""
    return {
        "cid": sample["cid"],
        "service_name": sample["service"],
        "req_ts": time_text(sample["at"]),
        "resp_ts": time_text(sample["at"] + sample["ms"] / 1000),
        "proc_time": sample["ms"],
        "slow_threshold": limit,
    }


def slow_response(call: Call) -> PlainDict:
    """Show one slow call with its request and its answer."""
    name = call.service_name()
    cid = call.text("cid")
    found = call.admin("admin.sample.list", service=name, cid=cid, limit=1)["items"]
    if not found:
        raise HTTPException(call.cid, f"no call of {name} with the cid {cid} is kept", 404)
    sample = call.admin("admin.sample.get", id=found[0]["id"])
    row = slow_row(sample, threshold(call, name))
    return {**row, "req": content(sample["request"]), "resp": content(sample["answer"])}


SLOW: Final = (
    "cid",
    "service_name",
    "req_ts",
    "resp_ts",
    Float("proc_time"),
    Integer("slow_threshold"),
)
MASKED: Final = "what is masked elsewhere is masked here, too"

SERVICES: Final = (
    Declared(
        "zato.service.get-request-response",
        get_request_response,
        ("admin.sample.list", "admin.sample.get"),
        optional=SERVICE,
        output=("service_id", *NOTHING, Integer("sample_req_resp_freq")),
        differs=MASKED,
    ),
    Declared(
        "zato.service.configure-request-response",
        configure_request_response,
        ("admin.sample.settings",),
        optional=(*SERVICE, Integer("sample_req_resp_freq")),
    ),
    Declared(
        "zato.service.slow-response.get-list",
        slow_responses,
        ("admin.sample.list",),
        optional=SERVICE,
        output=SLOW,
        is_list=True,
    ),
    Declared(
        "zato.service.slow-response.get",
        slow_response,
        ("admin.sample.get",),
        required=("cid",),
        optional=SERVICE,
        output=(*SLOW, "req", "resp"),
        differs=MASKED,
    ),
)
