"""Makes the connection to a gRPC server: options, credentials, and what is wrong if there is none."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansa import Unavailable
from hansa_connect.remedies import advised, remedy_of
from hansa_connect.sockets import dial
from hansa_connect.tls import context_of

if TYPE_CHECKING:
    import grpc

    from .interface import Interface
    from .settings import CallingSettings

_BACKOFF = {"initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2}


def address_of(config: CallingSettings) -> str:
    """Return the address as gRPC has it."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"{host}:{config.port}"


def probe(config: CallingSettings) -> None:
    """Connect, shake hands, and hang up, since gRPC does not say why it cannot; raises
    `Unavailable`. Names of definitions must be resolved.
    """
    connection = dial(config.host, config.port, config.timeout)
    with connection:
        if not config.tls:
            return
        try:
            context = context_of(config)
            context.set_alpn_protocols(["h2"])
            with context.wrap_socket(connection, server_hostname=config.host):
                pass
        except (OSError, ValueError) as error:
            fault = f"cannot connect to {config.host}:{config.port} by TLS: {error}"
            raise Unavailable(advised(fault, remedy_of(error, tls=True))) from error


def open_channel(config: CallingSettings, interface: Interface | None) -> grpc.Channel:
    """Return a channel, which connects by its first call. Names of definitions must be resolved."""
    import grpc

    options = _options(config, interface)
    if not config.tls:
        return grpc.insecure_channel(address_of(config), options)
    return grpc.secure_channel(address_of(config), _credentials(config), options)


def wait_until_ready(channel: grpc.Channel, timeout: float) -> None:
    """Wait until a channel is connected; raises `Unavailable` once it cannot."""
    import grpc

    ends = time.monotonic() + timeout
    ready = grpc.channel_ready_future(channel)
    try:
        ready.result(max(0.0, ends - time.monotonic()))
    except grpc.FutureTimeoutError:
        fault = f"the server does not speak gRPC (HTTP/2) within {timeout:g} s"
        raise Unavailable(f"{fault}; check the settings port and tls") from None
    finally:
        with contextlib.suppress(Exception):
            ready.cancel()


def _credentials(config: CallingSettings) -> grpc.ChannelCredentials:
    import grpc

    try:
        key = certificate = None
        if config.tls_certificate:
            key = Path(config.tls_key).read_bytes()
            certificate = Path(config.tls_certificate).read_bytes()
        return grpc.ssl_channel_credentials(_authorities(config.tls_ca), key, certificate)
    except OSError as error:
        raise Unavailable(f"a file of TLS cannot be read: {error}") from error


def _authorities(path: str) -> bytes | None:
    """Return the certificates of a file or folder, by default those of the system; None if that has
    no file of them.
    """
    given = path or ssl.get_default_verify_paths().cafile
    if given is None:
        return None
    found = Path(given)
    if not found.is_dir():
        return found.read_bytes()
    files = sorted(one for one in found.iterdir() if one.is_file())
    return b"\n".join(one.read_bytes() for one in files)


def _options(config: CallingSettings, interface: Interface | None) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", config.max_body),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", int(config.ping_interval * 1000)),
        ("grpc.keepalive_timeout_ms", int(config.ping_timeout * 1000)),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5000),
        ("grpc.enable_http_proxy", 0),
        # else the channels of an old object and of the new one would have one connection
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.service_config", _retries(config, interface)),
        ("grpc.service_config_disable_resolution", 1),
    ]


def _retries(config: CallingSettings, interface: Interface | None) -> str:
    """Return which methods are tried again: those that are declared to be repeatable."""
    names = []
    for path, method in sorted(interface.methods.items() if interface is not None else ()):
        if method.may_repeat and not method.streams:
            service, _, name = path[1:].partition("/")
            names.append({"service": service, "method": name})
    if not names or config.max_attempts < 2:
        return "{}"
    policy = {
        "maxAttempts": config.max_attempts,
        "retryableStatusCodes": ["UNAVAILABLE"],
        **_BACKOFF,
    }
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": policy}]})
