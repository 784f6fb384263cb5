"""All that Hansa has to do with pika: one connection with one channel, used by one thread at a time."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pika
from hansa import HansaError, Invalid, Unavailable
from hansa_connect.sockets import shut, silent
from pika import exceptions, spec

LAST_WORDS = 1.0  # seconds
LONGEST = 130_000  # bytes of properties, which must fit into one frame (AMQP 0-9-1, 4.2.6.1)
_UNSENDABLE = (
    exceptions.ShortStringTooLong,
    exceptions.UnsupportedAMQPFieldException,
    struct.error,
    RecursionError,
)
logging.getLogger("pika").setLevel(
    logging.CRITICAL
)  # it logs every step that fails; the object's state says it once


class _Properties(spec.BasicProperties):  # type: ignore[misc]
    """Properties that no message can break a connection with: those that cannot be read go along as they came."""

    fault = ""

    def encode(self) -> Any:
        if sum(map(len, pieces := super().encode())) > LONGEST:
            raise Invalid("the message cannot be sent: its properties and headers are too long")
        return pieces

    def decode(self, encoded: bytes, offset: int = 0) -> Any:
        try:
            return super().decode(encoded, offset)
        except (
            ValueError,
            ArithmeticError,
            RecursionError,
            exceptions.InvalidFieldTypeException,
        ) as error:
            # dates after the year 9999, endless nesting
            self.headers, self.fault = (
                {"x-hansa-unreadable": encoded},
                f"its properties cannot be read: {error}",
            )
            return self


spec.props[spec.BasicProperties.INDEX] = _Properties


class Connection:
    """A connection as `hansa_connect.pool` wants it; its `channel` confirms what is published. The broker shows its `name`."""

    broken, ends = False, 0.0
    properties = _Properties

    def __init__(self, broker: Any, name: str = "hansa", heartbeat: int = 0) -> None:
        self.broker, self.name, self.heartbeat = broker, name, heartbeat
        self.pika: Any = None
        self.channel: Any = None

    def open(self, timeout: float) -> None:
        """Connect, log in and open the channel; raises `Unavailable`."""
        broker, seconds = self.broker, min(timeout, self.broker.connect_timeout)
        with self.told():
            login = pika.PlainCredentials(
                broker.username or "guest", str(broker.password or "guest")
            )
            tls = (context := broker.context()) and pika.SSLOptions(context, broker.host)
            limits = {
                "heartbeat": self.heartbeat,
                "socket_timeout": seconds,
                "stack_timeout": seconds,
            }
            port, limits["client_properties"] = (
                broker.port or (5671 if tls else 5672),
                {"connection_name": self.name},
            )
            self.pika = pika.BlockingConnection(
                pika.ConnectionParameters(
                    broker.host, port, broker.vhost, login, ssl_options=tls, **limits
                )
            )
            self._open_channel()

    def _open_channel(self) -> None:
        self.channel = self.pika.channel()
        self.channel.confirm_delivery()

    def close(self) -> None:
        """Say goodbye, which may take a second."""
        if self.pika is not None:
            with contextlib.suppress(Exception):  # it is broken, or closed already
                self.pika._impl.ioloop.call_later(LAST_WORDS, self.abort)
                self.pika.close()
            self.pika._cleanup()

    def abort(self) -> None:
        """Have whoever waits for the broker fail; from any thread."""
        with contextlib.suppress(AttributeError, OSError):  # it is closed
            shut(self._socket())

    def alive(self) -> bool:
        """Whether the broker has not closed it."""
        return self.pika.is_open and silent(self._socket())

    def call(self, function: Callable[[], None]) -> None:
        """Have the thread that waits for the broker call this; nothing if it is closed."""
        with contextlib.suppress(exceptions.ConnectionWrongStateError):
            self.pika.add_callback_threadsafe(function)

    def check(self) -> None:
        """Have the broker answer; raises `Unavailable`."""
        with self.told():
            self.channel.basic_qos()

    def _socket(self) -> int:
        return int(self.pika._impl._transport._sock.fileno())

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Raise what pika raises as `Invalid` or `Unavailable`, and note whether the connection is broken."""
        try:
            yield
        except HansaError:
            raise
        except _UNSENDABLE as error:
            raise Invalid(f"the message cannot be sent: {_describe(error)}") from error
        except Exception as error:
            self.broken = self.pika is None or not self.pika.is_open
            raise Unavailable(f"the broker at {self.broker.host}: {_describe(error)}") from error

    def declare(self, *queues: str) -> None:
        """Declare queues, and for the first of them exchange and binding, or see that the queues are there."""
        broker, channel = self.broker, self.channel
        for queue in queues:
            options = {"passive": not broker.declare, "arguments": {"x-queue-type": broker.declare}}
            channel.queue_declare(queue, durable=True, **options)
        if broker.declare and broker.exchange:
            channel.exchange_declare(broker.exchange, broker.exchange_type, durable=True)
            for queue in queues[:1]:
                channel.queue_bind(queue, broker.exchange, broker.routing_key)

    def publish(self, exchange: str, routing_key: str, body: bytes, properties: Any) -> None:
        """Publish and wait until the broker has it; raises `Invalid` or `Unavailable`."""
        with self.told():
            if (
                not self.channel.is_open
            ):  # the broker closes a channel by which it was asked for what it refuses
                self._open_channel()
            try:
                self.channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
            except exceptions.UnroutableError:
                raise Unavailable(
                    f"no queue takes what is sent to exchange {exchange!r} with key {routing_key!r}"
                )


def _describe(error: Any) -> str:
    """What went wrong, without the layers that pika puts around it."""
    while isinstance(
        inner := getattr(error, "exception", None) or (*error.args, None)[0], BaseException
    ):
        error = inner
    return str(getattr(error, "reply_text", "") or f"{type(error).__name__}: {error}")
