"""The settings of ZeroMQ connections."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Model, setting


class EndpointSettings(Model):
    """Socket.

    Settings of both types. Sizes are in bytes, times in seconds.
    """

    address: Annotated[
        str,
        setting(
            "Address, tcp://HOST:PORT or ipc://PATH",
            pattern="^(tcp|ipc)://.",
            example="tcp://127.0.0.1:5555",
        ),
    ]
    high_water_mark: Annotated[
        int, setting("Maximum messages that wait in memory, for each peer", ge=1, le=10**7)
    ] = 1000
    heartbeat: Annotated[
        float,
        setting(
            "Seconds of silence after which a peer is lost; 0 for never, as before ZeroMQ 4.2",
            ge=0,
            le=3600,
        ),
    ] = 10.0
    sequence: Annotated[
        bool,
        setting("Number each message in a last frame of its own, so that lost ones are counted"),
    ] = False


class ReceivingSettings(EndpointSettings):
    """Receiving."""

    socket: Annotated[
        Literal["PULL", "SUB"],
        setting("PULL takes its share of the work, SUB everything it subscribes to"),
    ] = "PULL"
    bind: Annotated[
        bool, setting("Listen at the address; otherwise the senders do, and we connect")
    ] = True
    topics: Annotated[
        list[str],
        setting(
            "SUB: prefixes of the messages to receive; an empty one receives all",
            example=["orders."],
        ),
    ] = [""]
    threads: Annotated[
        int,
        setting("Messages handled at the same time; as many more wait for a thread", ge=1, le=1000),
    ] = 4
    max_size: Annotated[
        int, setting("Maximum size of a frame; a peer that sends a larger one is cut off", ge=1)
    ] = 16 * 2**20


class SendingSettings(EndpointSettings):
    """Sending."""

    socket: Annotated[
        Literal["PUSH", "PUB", "REQ"],
        setting("PUSH gives work to one peer, PUB tells all, REQ asks and gets an answer"),
    ] = "PUSH"
    timeout: Annotated[
        float,
        setting("Time limit of a call in seconds: until a peer takes or answers it", gt=0, le=3600),
    ] = 10.0
