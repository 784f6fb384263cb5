"""Messaging: AMQP, IBM MQ (JMS WebSphere MQ in Zato 1 and 2) and ZeroMQ."""

from __future__ import annotations

from typing import Final

from .mapping import Base, Mapping
from .parts import Choice, Custom, Field, Reading, Unused, Writing
from .references import FORMAT, SERVICE
from .values import INTEGER, LINES, NUMBER, TEXT, Unfit

DEAD_LETTERS: Final = "SYSTEM.DEAD.LETTER.QUEUE"
"""The queue for dead letters that each queue manager is made with."""

_DEFINITION: Final = ("def_name", "def")

_AMQP: Final = (
    Field("host", "host", default="127.0.0.1", required=True),
    Field("port", "port", INTEGER),
    Field("vhost", "vhost", default="/"),
    Field("username", "username"),
    Field("password", "password", secret=True),
    Unused("frame_max", "the broker says it", quiet=(None, "", 0, 131072, "131072")),
)

_PROPERTIES: Final = (
    ("priority", INTEGER),
    ("content_type", TEXT),
    ("content_encoding", TEXT),
    ("expiration", TEXT),
    ("user_id", TEXT),
    ("app_id", TEXT),
)
_PERSISTENT: Final = {1: False, 2: True}


def _read_properties(reading: Reading) -> None:
    """Read the properties that messages have by default."""
    mode = reading.item.get("delivery_mode")
    if mode not in (None, ""):
        try:
            reading.settings["persistent"] = _PERSISTENT[int(str(mode))]
        except (KeyError, ValueError):
            reading.fault("delivery_mode", f"{mode!r} is neither 1 nor 2")
    found = {}
    for key, value in _PROPERTIES:
        given = reading.item.get(key)
        if given in (None, ""):
            continue
        try:
            found[key] = value.read(given)
        except Unfit as unfit:
            reading.fault(key, str(unfit))
    if found:
        reading.settings["properties"] = found


def _write_properties(writing: Writing) -> None:
    persistent = writing.settings.get("persistent", True)
    writing.put("delivery_mode", 2 if persistent else 1)
    known = [key for key, _ in _PROPERTIES]
    for key, value in (writing.settings.get("properties") or {}).items():
        if key in known:
            writing.put(key, value)
        else:
            writing.lost("properties", f"Zato has no property {key} for a connection")


CHANNEL_AMQP: Final = Mapping(
    "channel_amqp",
    "channel",
    "amqp",
    (
        SERVICE,
        Field("queue", "queue", required=True),
        Field("consumer_tag_prefix", "consumer_tag", default="hansa"),
        FORMAT,
        Field("prefetch_count", "prefetch", INTEGER),
        Field("pool_size", "pool", INTEGER),
        Unused(
            "ack_mode",
            "a message is acknowledged when its service has handled it",
            quiet=(None, "", "ack"),
        ),
    ),
    base=Base("def_amqp", _DEFINITION, (*_AMQP, Field("heartbeat", "heartbeat", INTEGER))),
    note="a message is acknowledged after its service has handled it, and tried again if that fails",
)
OUTGOING_AMQP: Final = Mapping(
    "outconn_amqp",
    "outgoing",
    "amqp",
    (
        Custom(
            ("delivery_mode", *(key for key, _ in _PROPERTIES)),
            ("persistent", "properties"),
            _read_properties,
            _write_properties,
        ),
        Field("pool_size", "max_connections", INTEGER),
    ),
    base=Base(
        "def_amqp",
        _DEFINITION,
        (
            *_AMQP,
            Unused("heartbeat", "the connection is watched all the time", quiet=(None, 0, 30)),
        ),
    ),
)

_MQ: Final = Base(
    "def_jms_wmq",
    _DEFINITION,
    (
        Field("host", "host", default="127.0.0.1", required=True),
        Field("queue_manager", "queue_manager", required=True),
        Field("username", "username"),
        Field("password", "password", secret=True),
        Unused("port", "is that of MQI; here it is that of mqweb, 9443", quiet=(None, "", 0)),
        Unused("channel", "messages go over mqweb, which has no channels"),
    ),
)
_MQ_NOTE: Final = (
    "messages go over mqweb, the REST API of the queue manager: its user and port are to be set"
)
_MQ_QUIET: Final = frozenset(
    {
        "cache_open_send_queues",
        "cache_open_receive_queues",
        "use_shared_connections",
        "dynamic_queue_template",
        "ssl",
        "ssl_cipher_spec",
        "ssl_key_repository",
        "needs_mcd",
        "use_jms",
        "max_chars_printed",
    }
)

CHANNEL_MQ: Final = Mapping(
    "channel_jms_wmq",
    "channel",
    "ibmmq",
    (
        SERVICE,
        Field("queue", "queue", required=True),
        FORMAT,
        Custom(
            (),
            ("dead_letter_queue",),
            lambda reading: reading.settings.update(dead_letter_queue=DEAD_LETTERS),
            lambda writing: None,
        ),
    ),
    base=_MQ,
    note=f"{_MQ_NOTE}; what cannot be handled goes to {DEAD_LETTERS}",
    quiet=_MQ_QUIET,
)
OUTGOING_MQ: Final = Mapping(
    "outconn_jms_wmq",
    "outgoing",
    "ibmmq",
    (
        Choice("delivery_mode", ("persistent",), {"": (None,), "2": (None,), "1": (False,)}, "2"),
        Unused("priority", "is that of the queue", quiet=(None, "", 4, 5, "4", "5")),
        Unused("expiration", "messages do not expire by the connection"),
    ),
    base=_MQ,
    note=_MQ_NOTE,
    quiet=_MQ_QUIET,
)


def _read_socket(reading: Reading) -> None:
    """Read who listens: a channel of 2.0 connects, one of 3.x says what it does."""
    socket = str(reading.first(("socket_type",)) or "PULL")
    if socket not in ("PULL", "SUB"):
        reading.fault("socket_type", f"there is no socket {socket!r} here, only PULL and SUB")
        return
    reading.settings["socket"] = socket
    method = reading.first(("socket_method",))
    reading.settings["bind"] = method == "bind"
    if not method:
        reading.differs("socket_type", "it connects; whether it listens is a setting here", "bind")


def _write_socket(writing: Writing) -> None:
    writing.put("socket_type", writing.settings.get("socket", "PULL"))
    bind = writing.settings.get("bind", True)
    writing.put("socket_method", "bind" if bind else "connect")


CHANNEL_ZMQ: Final = Mapping(
    "channel_zmq",
    "channel",
    "zeromq",
    (
        SERVICE,
        Field("address", "address", required=True),
        Custom(("socket_type", "socket_method"), ("socket", "bind"), _read_socket, _write_socket),
        Field("sub_key", "topics", LINES),
        FORMAT,
        Unused("pool_strategy", "messages are handled by threads", quiet=(None, "", "single")),
        Unused("service_source", "the service is named", quiet=(None, "", "zato")),
    ),
    minimal="",
)
OUTGOING_ZMQ: Final = Mapping(
    "outconn_zmq",
    "outgoing",
    "zeromq",
    (
        Field("address", "address", required=True),
        Choice(
            "socket_type", ("socket",), {"PUSH": (None,), "PUB": ("PUB",), "REQ": ("REQ",)}, "PUSH"
        ),
        Field("timeout", "timeout", NUMBER),
    ),
    quiet=frozenset({"socket_method"}),
)

MESSAGING: Final = (
    CHANNEL_AMQP,
    OUTGOING_AMQP,
    CHANNEL_MQ,
    OUTGOING_MQ,
    CHANNEL_ZMQ,
    OUTGOING_ZMQ,
)
