"""All that Hansa does with paho-mqtt: one connection to a broker, safe in many threads."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hansa import HansaError, Invalid, TimedOut, Unavailable
from hansa_connect.remedies import CHECK_LOGIN, MAYBE_TLS, NO_TLS, advised, remedy_of
from hansa_connect.sockets import dial, shut_down
from paho.mqtt import client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from .answers import Answers
from .client import Client
from .properties import made
from .settings import BrokerSettings, QoS

MQTT_PORT = 1883
MQTTS_PORT = 8883
LARGEST = 268_435_455
"""Bytes that a packet may have behind its fixed header (MQTT 5, section 1.5.5)."""
CLOSE_WAIT = 1.0
"""Seconds that the broker gets to take a DISCONNECT."""
UNFIT = frozenset((0x90, 0x95, 0x99))
"""Reason codes for what is wrong with a message: its topic, its size, its format (MQTT 5, 2.4)."""
SAME_CLIENT = (
    "if this comes again, another connection may have the same client identifier: "
    "check the setting client_id"
)
_REMEDIES = {
    0x84: "check the setting version",
    0x85: "check the setting client_id",
    0x86: CHECK_LOGIN,
    0x87: CHECK_LOGIN,
    0x8E: "another connection has the same client identifier: check the setting client_id",
}
"""What to change, by reason code (MQTT 5, section 2.4)."""


@dataclass(frozen=True)
class Session:
    """What a connection asks of the broker.

    With `expiry` the broker keeps the session for so many seconds after the connection has ended;
    `at_most` is how many messages it may send that are not confirmed yet, 0 for its own limit.
    """

    client_id: str
    clean: bool = True
    expiry: int = 0
    at_most: int = 0


class Connection:
    """A connection that is open, or was: one that is lost says so once, by `lost`.

    `on_message` is called in the thread of the client, and must not take long.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        session: Session,
        lost: Callable[[BaseException], None],
        on_message: Callable[[mqtt.MQTTMessage], None] | None = None,
    ) -> None:
        self.broker = broker
        self.session = session
        self.session_present = False
        self.largest_packet = 0
        self._lost = lost
        self._on_message = on_message
        self._client: Client | None = None
        self._answers = Answers()
        self._pinging = threading.Lock()
        self._connected = threading.Event()
        self._ended = threading.Event()
        self._refusal: ReasonCode | None = None
        self._closing = False
        self._looping = False

    @property
    def _port(self) -> int:
        return self.broker.port or (MQTTS_PORT if self.broker.tls else MQTT_PORT)

    @property
    def place(self) -> str:
        """What errors call the broker."""
        return f"the broker at {self.broker.host}:{self._port}"

    @property
    def client(self) -> Client:
        """The client of paho-mqtt; raises `Unavailable` when it is not connected."""
        if self._client is None or self._ended.is_set():
            raise Unavailable(f"{self.place}: not connected")
        return self._client

    # -- life --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect and log in; raises `Unavailable` with what to change, or `TimedOut`."""
        broker = self.broker
        ends = time.monotonic() + broker.timeout
        client = self._make_client()
        self._client = client
        try:
            self._connect(client)
        except HansaError:
            raise
        except (OSError, ValueError) as error:
            fault = f"cannot connect to {self.place}: {error}"
            raise Unavailable(advised(fault, remedy_of(error, tls=broker.tls))) from error
        client.loop_start()
        self._looping = True
        if not self._connected.wait(max(0.0, ends - time.monotonic())):
            raise TimedOut(f"{self.place} has not answered within {broker.timeout:g} s")
        if self._refusal is not None:
            fault = f"{self.place} refuses the connection: {self._refusal}"
            raise Unavailable(advised(fault, _REMEDIES.get(self._refusal.value, "")))
        if self._ended.is_set():
            remedy = NO_TLS if broker.tls else MAYBE_TLS
            raise Unavailable(advised(f"{self.place} closes the connection at once", remedy))

    def _make_client(self) -> Client:
        broker = self.broker
        session = self.session
        version = mqtt.MQTTv5 if broker.version == "5" else mqtt.MQTTv311
        client = Client(session.client_id, version, session.clean, self._make_socket)
        if broker.username:
            client.username_pw_set(broker.username, str(broker.password or ""))
        if broker.will_topic:
            client.will_set(
                broker.will_topic, broker.will_message, broker.will_qos, broker.will_retain
            )
        client.on_connect = self._when_connected
        client.on_disconnect = self._when_disconnected
        client.on_message = self._when_message
        client.on_publish = self._when_published
        client.on_subscribe = self._when_subscribed
        client.on_unsubscribe = self._when_unsubscribed
        client.on_pong = lambda: self._answers.arrive(("ping", 0), None)
        client.on_broken = self._when_broken
        return client

    def _connect(self, client: Client) -> None:
        broker = self.broker
        session = self.session
        if broker.version != "5":
            client.connect(broker.host, self._port, broker.keep_alive)
            return
        properties = made(
            PacketTypes.CONNECT,
            SessionExpiryInterval=session.expiry or None,
            ReceiveMaximum=session.at_most or None,
        )
        client.connect(
            broker.host,
            self._port,
            broker.keep_alive,
            clean_start=session.clean,
            properties=properties,
        )

    def _make_socket(self) -> socket.socket:
        broker = self.broker
        context = broker.context()
        connection = dial(broker.host, self._port, broker.timeout)
        if context is None:
            return connection
        try:
            # the handshake has the time-out of the socket
            return context.wrap_socket(connection, server_hostname=broker.host)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the connection and end its thread; the broker publishes no last will."""
        self._closing = True
        client = self._client
        self._client = None
        if client is None:
            return
        if self._looping:
            client.disconnect()
            if not self._ended.wait(CLOSE_WAIT):
                self._shut_down(client)
            client.loop_stop()
        client.release()

    def _shut_down(self, client: Client) -> None:
        found = client.socket()
        if found is not None:
            with contextlib.suppress(OSError, ValueError):  # it is closed meanwhile
                shut_down(found.fileno())

    # -- calls -------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Have the broker answer; raises `TimedOut` or `Unavailable`."""
        with self._pinging:
            self.client.ping()
            self._wait(("ping", 0), self.broker.timeout)

    def publish(
        self,
        topic: str,
        body: bytes,
        qos: QoS,
        retain: bool,
        properties: Properties | None,
        timeout: float,
    ) -> None:
        """Publish and wait until the broker has it; with QoS 0, until it is sent.

        Raises `Invalid` for a message that the broker refuses as such, `Unavailable` for one that
        it does not take, and `TimedOut`; after the last two it may have it all the same.
        """
        self._check_size(topic, body, qos, properties)
        sent = self.client.publish(topic, body, qos, retain, properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise Unavailable(f"{self.place}: {mqtt.error_string(sent.rc)}")
        reason = self._wait(("publish", sent.mid), timeout)
        if reason is None or not reason.is_failure:
            return
        if reason.value in UNFIT:
            raise Invalid(f"{self.place} refuses the message: {reason}")
        fault = f"{self.place} does not take what is published to {topic!r}: {reason}"
        raise Unavailable(fault)

    def fits(self, topic: str, body: bytes, qos: QoS, properties: Properties | None) -> bool:
        """Return whether the broker takes a message of this size, as far as it has said so."""
        try:
            self._check_size(topic, body, qos, properties)
        except Invalid:
            return False
        return True

    def _check_size(self, topic: str, body: bytes, qos: QoS, properties: Properties | None) -> None:
        """Refuse what the broker would end the connection for; raises `Invalid`."""
        # PERF: packing the properties takes a third of the time of a call
        if not self.largest_packet and len(body) < LARGEST // 2:
            return
        size = 2 + len(topic.encode()) + len(body)
        if qos:
            size += 2
        if properties is not None:
            size += len(properties.pack())  # type: ignore[no-untyped-call]
        limit = LARGEST
        if self.largest_packet:
            limit = min(limit, self.largest_packet - 1 - _length_of_length(size))
        if size > limit:
            raise Invalid(f"the message has {size} bytes with topic and headers, limit is {limit}")

    def subscribe(self, topic: str, qos: QoS, retain_handling: int) -> None:
        """Subscribe to a filter of topics; raises `Unavailable` with what the broker says.

        `retain_handling` is that of MQTT 5 (section 3.8.3.1).
        """
        if self.broker.version == "5":
            options = SubscribeOptions(qos, retainHandling=retain_handling)
            code, mid = self.client.subscribe(topic, options=options)
        else:
            code, mid = self.client.subscribe(topic, qos)
        if mid is None or code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise Unavailable(f"{self.place}: {mqtt.error_string(code)}")
        reason = self._wait(("subscribe", mid), self.broker.timeout)
        if reason is not None and reason.is_failure:
            fault = f"{self.place} refuses the subscription to {topic!r}: {reason}"
            raise Unavailable(f"{fault}; check the settings topic and username")

    def unsubscribe(self, topic: str) -> None:
        """Give a subscription up; raises `Unavailable` or `TimedOut`."""
        code, mid = self.client.unsubscribe(topic)
        if mid is None or code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise Unavailable(f"{self.place}: {mqtt.error_string(code)}")
        self._wait(("unsubscribe", mid), self.broker.timeout)

    def confirm(self, message: mqtt.MQTTMessage) -> None:
        """Have the broker forget a message; raises `Unavailable` without a connection."""
        if message.qos:
            code = self.client.ack(message.mid, message.qos)
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise Unavailable(f"{self.place}: {mqtt.error_string(code)}")

    def _wait(self, key: tuple[str, int], timeout: float) -> ReasonCode | None:
        try:
            return self._answers.wait(key, timeout)
        except TimeoutError as error:
            raise TimedOut(f"{self.place} has not answered within {timeout:g} s") from error

    # -- in the thread of the client ---------------------------------------------------------------

    def _when_connected(
        self, client: object, data: object, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self.session_present = bool(flags.session_present)
        self.largest_packet = getattr(properties, "MaximumPacketSize", 0)
        if reason.is_failure:
            self._refusal = reason
        self._connected.set()

    def _when_disconnected(
        self, client: object, data: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        fault = f"{self.place} has closed the connection: {reason}"
        self._end(Unavailable(advised(fault, _REMEDIES.get(reason.value, SAME_CLIENT))))

    def _when_broken(self, error: Exception) -> None:
        self._end(Unavailable(f"{self.place} sends what is not MQTT: {error}"))

    def _end(self, error: Unavailable) -> None:
        serving = self._connected.is_set() and self._refusal is None
        self._ended.set()
        self._connected.set()
        self._answers.end(error.detail)
        if serving and not self._closing:
            self._lost(error)

    def _when_message(self, client: object, data: object, message: mqtt.MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)

    def _when_published(
        self, client: object, data: object, mid: int, reason: ReasonCode, properties: object
    ) -> None:
        self._answers.arrive(("publish", mid), reason)

    def _when_subscribed(
        self, client: object, data: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        self._answers.arrive(("subscribe", mid), reasons[0] if reasons else None)

    def _when_unsubscribed(
        self, client: object, data: object, mid: int, reasons: object, properties: object
    ) -> None:
        self._answers.arrive(("unsubscribe", mid), None)


def _length_of_length(size: int) -> int:
    """Return how many bytes the length of a packet takes, 7 bits in each (section 1.5.5)."""
    return max(1, (size.bit_length() + 6) // 7)
