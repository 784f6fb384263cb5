"""What channel and outgoing connection share: the address, limits, sockets of a context of their own, and whether messages are numbered."""

from __future__ import annotations

from typing import Annotated, Any

import zmq
from hansa import Model, Unavailable, setting


class Endpoint(Model):
    """Settings of both types. Sizes are bytes, times seconds."""

    address: Annotated[
        str,
        setting(
            "Address, tcp://HOST:PORT or ipc://PATH",
            pattern="^(tcp|ipc)://.",
            example="tcp://127.0.0.1:5555",
        ),
    ]
    high_water_mark: Annotated[
        int, setting("Messages that wait in memory, for each peer", ge=1, le=10**7)
    ] = 1000
    heartbeat: Annotated[
        float,
        setting(
            "Seconds of silence until a peer is lost; 0: for ever, as before ZeroMQ 4.2",
            ge=0,
            le=3600,
        ),
    ] = 10.0
    sequence: Annotated[
        bool,
        setting(
            "Whether the last frame of each message numbers it, so that what was lost is counted"
        ),
    ] = False


def open_socket(
    context: zmq.Context[Any], type: int, config: Endpoint, *, bind: bool, **options: Any
) -> Any:
    """A socket at an address; `options` are socket options by lower-case name. Raises `Unavailable`."""
    made = context.socket(type)
    try:
        made.set_hwm(config.high_water_mark)
        # half of it until the question whether it is there, half for the answer
        for name, value in {
            "linger": 0,
            "heartbeat_ivl": round(config.heartbeat * 500),
            **options,
        }.items():
            setattr(made, name, value)
        (made.bind if bind else made.connect)(config.address)
    except zmq.ZMQError as error:
        made.close(0)
        raise Unavailable(f"{config.address}: {error.strerror}") from error
    return made
