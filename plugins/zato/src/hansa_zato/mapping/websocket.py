"""WebSockets: channels, and connections out, which may also receive."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from ..payloads import PlainDict
from .mapping import Mapping
from .parts import Custom, Field, Reading, Remark, Unused, Writing
from .references import FORMAT, GUARD, SERVICE, SIGNATURE
from .values import NUMBER, lines_of

_PLAIN: Final = "messages are plain, without the frames and sessions of Zato's own protocol"
_QUIET: Final = frozenset(
    {
        "cache_expire",
        "data_format",
        "extra",
        "has_auto_reconnect",
        "hook_service_id",
        "is_audit_log_received_active",
        "is_audit_log_sent_active",
        "is_channel",
        "is_inbound",
        "is_outbound",
        "is_outconn",
        "is_out",
        "max_bytes_per_message_received",
        "max_bytes_per_message_sent",
        "max_len_messages_received",
        "max_len_messages_sent",
        "needs_tls",
        "new_token_wait_time",
        "ping_interval",
        "pings_missed_threshold",
        "pool_size",
        "sec_def",
        "socket_read_timeout",
        "socket_write_timeout",
        "timeout",
        "token_format",
        "token_ttl",
    }
)


def _read_listener(reading: Reading) -> None:
    """Read where a channel listens, which is one address in Zato."""
    parts = _parts(reading)
    if parts is None:
        return
    if parts["scheme"] == "wss":
        why = "TLS of a channel needs a certificate of its own here"
        instead = "`hansa channel websocket create NAME --tls --tls-certificate DEFINITION`"
        reading.remarks.append(Remark("lost", "address", why, instead, "W20"))
        return
    reading.settings["host"] = parts["host"]
    reading.settings["port"] = parts["port"] or 80
    reading.settings["path"] = parts["path"] or "/"


def _parts(reading: Reading) -> PlainDict | None:
    """Return the parts of an address; None, and a fault, if it is none."""
    address = str(reading.first(("address", "host")) or "").strip()
    if not address:
        reading.fault("address", "is required")
        return None
    try:
        found = urlsplit(address)
        port = found.port
    except ValueError as error:
        reading.fault("address", f"is no address: {error}")
        return None
    if found.scheme not in ("ws", "wss") or not found.hostname:
        reading.fault("address", "must look like ws://HOST:PORT/PATH")
        return None
    return {"scheme": found.scheme, "host": found.hostname, "port": port, "path": found.path}


def _write_listener(writing: Writing) -> None:
    settings = writing.settings
    scheme = "wss" if settings.get("tls") else "ws"
    host = str(settings.get("host", "127.0.0.1"))
    host = f"[{host}]" if ":" in host else host
    writing.put("address", f"{scheme}://{host}:{settings.get('port')}{settings.get('path', '/')}")


CHANNEL: Final = Mapping(
    "channel_web_socket",
    "channel",
    "websocket",
    (
        SERVICE,
        Custom(("address", "host"), ("host", "port", "path"), _read_listener, _write_listener),
        FORMAT,
        GUARD,
        Field("ping_interval", "ping_interval", NUMBER),
        Field("hook_service", "hook_service", also=("hook_service_name",)),
    ),
    note=f"{_PLAIN}, and clients log in as they connect",
    quiet=_QUIET - {"data_format", "ping_interval"},
)


def _read_address(reading: Reading) -> None:
    """Read the address, and what receives messages: a channel of its own here."""
    if _parts(reading) is None:
        return
    url = str(reading.first(("address", "host"))).strip()
    reading.settings["url"] = url
    messages = lines_of(reading.first(("subscription_list",)) or [])
    service = reading.first(("on_message_service_name", "on_message_service"))
    if not service:
        if messages:
            reading.settings["subscribe"] = messages
        return
    feed: PlainDict = {"url": url, "service": str(service)}
    if reading.item.get("is_active") is False:
        feed["active"] = False
    if messages:
        feed["subscribe"] = messages
    if reading.item.get("data_format") == "json":
        feed["format"] = "json"
    if reading.settings.get("security"):
        feed["login"] = reading.settings["security"]
    reading.more["channel", "websocket-client", reading.name] = feed
    why = "a channel websocket-client of the same name receives, and this connection sends"
    reading.differs("on_message_service_name", why)


def _write_address(writing: Writing) -> None:
    settings = writing.settings
    writing.put("address", settings.get("url", ""))
    messages = list(settings.get("subscribe") or [])
    feed = writing.others.get(("channel", "websocket-client", writing.name), {})
    if feed.get("url") == settings.get("url"):
        _write_feed(writing, feed)
        messages += [one for one in feed.get("subscribe") or [] if one not in messages]
    if messages:
        writing.put("subscription_list", "\n".join(messages))


def _write_feed(writing: Writing, feed: PlainDict) -> None:
    writing.put("on_message_service_name", feed.get("service", ""))
    if feed.get("format") == "json":
        writing.put("data_format", "json")


OUTGOING: Final = Mapping(
    "outconn_wsx",
    "outgoing",
    "websocket",
    (
        Unused(
            "is_zato",
            "it speaks the protocol of another Zato",
            "outgoing http to a channel of the other side",
            fatal=True,
        ),
        SIGNATURE,
        Custom(
            ("address", "host", "subscription_list", "on_message_service_name"),
            ("url", "subscribe"),
            _read_address,
            _write_address,
        ),
        Unused("on_connect_service_name", "nothing is called as a connection is made"),
        Unused("on_close_service_name", "nothing is called as a connection ends"),
    ),
    note=_PLAIN,
    quiet=_QUIET | {"on_message_service", "on_message_service_id"},
)


def _read_received(reading: Reading) -> None:
    """A file has no object that only receives: see `OUTGOING`."""


def _write_received(writing: Writing) -> None:
    """Write what only receives as a connection; one that sends, too, has been written with it."""
    sends = writing.others.get(("outgoing", "websocket", writing.name), {})
    if sends.get("url") == writing.settings.get("url"):
        writing.is_part = True
        return
    writing.put("address", writing.settings.get("url", ""))
    _write_feed(writing, writing.settings)
    if writing.settings.get("subscribe"):
        writing.put("subscription_list", "\n".join(writing.settings["subscribe"]))
    if writing.settings.get("login"):
        key = {"2.0": "sec_def", "3.x": "security_name", "minimal": "security"}
        writing.put(key[writing.generation], writing.settings["login"])


FEED: Final = Mapping(
    "outconn_wsx",
    "channel",
    "websocket-client",
    (
        Custom(
            ("address", "subscription_list", "on_message_service_name"),
            ("url", "service", "subscribe", "login", "format"),
            _read_received,
            _write_received,
        ),
    ),
    note="where `on_message_service_name` names a service",
    imported=False,
)

WEBSOCKET: Final = (CHANNEL, OUTGOING, FEED)
