"""Sockets of ZeroMQ, opened with the settings that both types share."""

from __future__ import annotations

import errno
from typing import TypeAlias

import zmq
from hansa import Unavailable
from hansa_connect.remedies import advised

from .settings import EndpointSettings

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"
Socket: TypeAlias = "zmq.Socket[bytes]"


def open_socket(
    context: Context, type: int, config: EndpointSettings, *, bind: bool, **options: int
) -> Socket:
    """Return a socket that is bound or connected to the address of the settings.

    `options` are socket options by their lower-case names. Raises `Unavailable`.
    """
    socket = context.socket(type)
    try:
        socket.set_hwm(config.high_water_mark)
        socket.linger = 0
        # half of the time until a peer is asked whether it is there, half for its answer
        socket.heartbeat_ivl = round(config.heartbeat * 500)
        for name, value in options.items():
            setattr(socket, name, value)
        if bind:
            socket.bind(config.address)
        else:
            socket.connect(config.address)
    except zmq.ZMQError as error:
        socket.close(0)
        remedy = "check the setting address"
        if bind and error.errno == errno.EADDRINUSE:
            remedy += "; if the other side listens there, set bind to false"
        elif bind and error.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
            remedy += ", which is none of this machine; to connect to it, set bind to false"
        raise Unavailable(advised(f"{config.address}: {error.strerror}", remedy)) from error
    return socket
