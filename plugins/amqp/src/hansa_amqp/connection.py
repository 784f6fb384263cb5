"""All that Hansa does with pika: one connection with one channel, used by one thread at a time."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Callable, Iterator

import pika
from hansa import HansaError, Invalid, Unavailable
from hansa_connect.remedies import CHECK_LOGIN, MAYBE_TLS, NO_TLS, advised, causes, remedy_of
from hansa_connect.sockets import is_silent, shut_down
from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel

from .properties import Properties
from .queues import QueueArguments
from .settings import BrokerSettings

AMQP_PORT = 5672
AMQPS_PORT = 5671
GUEST = "guest"
PRECONDITION = 406
"""The reply code of what the broker refuses since it cannot be (AMQP 0-9-1, section 1.2)."""
CLOSE_WAIT = 1.0
"""Seconds that the broker gets to confirm that a connection is closed."""
_NOT_FOUND = 404
_REMEDIES_OF_CHANNELS = {
    _NOT_FOUND: "check the settings queue and exchange, or have them made by the setting declare",
    403: "check the settings username and vhost: the user needs permissions for it there",
    PRECONDITION: "check the settings that declare it: it exists with others",
}
"""What to change when the broker closes a channel, by reply code (AMQP 0-9-1, section 1.2)."""
_REMEDIES_OF_LOGIN = (
    (exceptions.ProbableAuthenticationError, CHECK_LOGIN),
    (exceptions.AuthenticationError, CHECK_LOGIN),
    (exceptions.ProbableAccessDeniedError, "check the setting vhost, and who may use it"),
)
_NOT_AMQP = (exceptions.IncompatibleProtocolError, exceptions.StreamLostError)
"""What pika raises where the other side does not begin as it is spoken to."""
_UNSENDABLE = (
    exceptions.ShortStringTooLong,
    exceptions.UnsupportedAMQPFieldException,
    struct.error,
    RecursionError,
)

# pika logs every step that fails; the state of the object says it once
logging.getLogger("pika").setLevel(logging.CRITICAL)


class Connection:
    """A connection as `hansa_connect.pool` wants it, whose `channel` confirms what is published.

    The broker lists it by its `name`. `heartbeat` is in seconds, 0 for none.
    """

    def __init__(self, broker: BrokerSettings, name: str = "hansa", heartbeat: int = 0) -> None:
        self.broker = broker
        self.name = name
        self.heartbeat = heartbeat
        self.broken = False
        self.ends = 0.0
        self._pika: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None

    @property
    def pika(self) -> pika.BlockingConnection:
        """The connection of pika; raises `Unavailable` before `open`."""
        if self._pika is None:
            raise Unavailable(f"{self._place}: not connected")
        return self._pika

    @property
    def channel(self) -> BlockingChannel:
        """The channel of pika; raises `Unavailable` before `open`."""
        if self._channel is None:
            raise Unavailable(f"{self._place}: not connected")
        return self._channel

    def open(self, timeout: float) -> None:
        """Connect, log in and open the channel within `timeout` seconds; raises `Unavailable`."""
        broker = self.broker
        seconds = min(timeout, broker.connect_timeout)
        with self.translated():
            context = broker.context()
            username = broker.username or GUEST
            password = str(broker.password or GUEST)
            parameters = pika.ConnectionParameters(
                host=broker.host,
                port=self._port,
                virtual_host=broker.vhost,
                credentials=pika.PlainCredentials(username, password),
                ssl_options=pika.SSLOptions(context, broker.host) if context else None,
                heartbeat=self.heartbeat,
                socket_timeout=seconds,
                stack_timeout=seconds,
                client_properties={"connection_name": self.name},
            )
            self._pika = pika.BlockingConnection(parameters)
            self._open_channel()

    def _open_channel(self) -> None:
        self._channel = self.pika.channel()
        self._channel.confirm_delivery()

    def close(self) -> None:
        """Close the connection; the broker gets a second to confirm it."""
        if self._pika is None:
            return
        with contextlib.suppress(Exception):  # it is broken, or closed already
            self._pika._impl.ioloop.call_later(CLOSE_WAIT, self.abort)
            self._pika.close()
        self._pika._cleanup()

    def abort(self) -> None:
        """Make a call that waits for the broker fail, from any thread."""
        with contextlib.suppress(Unavailable, AttributeError, OSError):  # it is closed
            shut_down(self._descriptor())

    def alive(self) -> bool:
        """Return whether the broker has not closed it."""
        return bool(self.pika.is_open) and is_silent(self._descriptor())

    def check(self) -> None:
        """Have the broker answer; raises `Unavailable`."""
        with self.translated():
            self.channel.basic_qos()

    def _descriptor(self) -> int:
        return int(self.pika._impl._transport._sock.fileno())

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise what pika raises as `Invalid` or `Unavailable`, and note a broken connection."""
        try:
            yield
        except HansaError:
            raise
        except _UNSENDABLE as error:
            raise Invalid(f"the message cannot be sent: {_describe(error)}") from error
        except Exception as error:
            self.broken = self._pika is None or not self._pika.is_open
            fault = f"{self._place}: {_describe(error)}"
            raise Unavailable(advised(fault, self._remedy_of(error))) from error

    @property
    def _port(self) -> int:
        return self.broker.port or (AMQPS_PORT if self.broker.tls else AMQP_PORT)

    @property
    def _place(self) -> str:
        """What errors call the broker."""
        return f"the broker at {self.broker.host}:{self._port}"

    def _remedy_of(self, error: Exception) -> str:
        """Return which setting to change; a connection that has worked is not to blame."""
        if isinstance(error, exceptions.ChannelClosedByBroker):
            return _REMEDIES_OF_CHANNELS.get(error.reply_code, "")
        if self._pika is not None:
            return ""
        tls = self.broker.tls
        found = list(causes(error))
        for kind, remedy in _REMEDIES_OF_LOGIN:
            if any(isinstance(one, kind) for one in found):
                return remedy
        if any(isinstance(one, _NOT_AMQP) for one in found):
            return NO_TLS if tls else MAYBE_TLS
        return remedy_of(error, tls=tls)

    # -- to declare and publish --------------------------------------------------------------------

    def declare(self, queue: str = "", dead_letters: str = "") -> None:
        """Declare a queue with exchange and binding, and that of its dead letters, if named.

        What there is to declare is in the settings; with nothing to declare, only see that the
        queues are there. Raises `Unavailable` with the broker's text, which names an argument that
        an existing queue has otherwise.
        """
        broker = self.broker
        with self.translated():
            if queue:
                self._declare_queue(queue, broker.declared_arguments())
            if dead_letters:
                self._declare_queue(dead_letters, {"x-queue-type": broker.declare})
            if broker.declare and broker.exchange:
                self.channel.exchange_declare(broker.exchange, broker.exchange_type, durable=True)
                if queue:
                    self.channel.queue_bind(queue, broker.exchange, broker.routing_key)

    def _declare_queue(self, queue: str, arguments: QueueArguments) -> None:
        passive = not self.broker.declare
        self.channel.queue_declare(queue, passive=passive, durable=True, arguments=arguments)

    def publish(self, exchange: str, routing_key: str, body: bytes, properties: Properties) -> None:
        """Publish and wait until the broker has it; raises `Invalid` or `Unavailable`."""
        with self.translated():
            # the broker closes a channel on which it was asked for what it refuses
            if not self.channel.is_open:
                self._open_channel()
            try:
                self.channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
            except exceptions.UnroutableError:
                raise Unavailable(
                    f"no queue takes what is sent to exchange {exchange!r} with key {routing_key!r}"
                )

    # -- to consume --------------------------------------------------------------------------------

    def subscribe(
        self,
        queue: str,
        tag: str,
        prefetch: int,
        on_message: Callable[..., None],
        on_cancel: Callable[..., None],
    ) -> None:
        """Have messages of a queue delivered to `on_message`, at most `prefetch` unacknowledged.

        Both functions are called in `wait`, with the arguments that pika gives them.
        """
        with self.translated():
            self.channel.add_on_cancel_callback(on_cancel)
            self.channel.basic_qos(prefetch_count=prefetch)
            self.channel.basic_consume(queue, on_message, consumer_tag=tag)

    def wait(self) -> None:
        """Wait until the broker says something, or `call_soon` was called."""
        with self.translated():
            self.pika.process_data_events(None)

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing if the connection is closed."""
        with contextlib.suppress(exceptions.ConnectionWrongStateError):
            self.pika.add_callback_threadsafe(function)


def is_refused_message(error: Unavailable) -> bool:
    """Return whether the broker refused a message for what is in it: reply code 406."""
    cause = error.__cause__
    return isinstance(cause, exceptions.ChannelClosedByBroker) and cause.reply_code == PRECONDITION


def _describe(error: BaseException) -> str:
    """Return what went wrong, without the layers that pika puts around it."""
    inner = _inner(error)
    while inner is not None:
        error = inner
        inner = _inner(error)
    reply = getattr(error, "reply_text", "")
    return str(reply) if reply else f"{type(error).__name__}: {error}"


def _inner(error: BaseException) -> BaseException | None:
    inner = getattr(error, "exception", None)
    if not inner and error.args:
        inner = error.args[0]
    return inner if isinstance(inner, BaseException) else None
