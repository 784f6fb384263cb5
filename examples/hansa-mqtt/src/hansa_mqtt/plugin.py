"""The types channel mqtt and outgoing mqtt, over paho-mqtt and MQTT 5.

Messages are acknowledged once the work is done.
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal, TypeVar

from hansa import (
    Channel,
    Definition,
    Guarantee,
    Invalid,
    Model,
    Outgoing,
    Request,
    Response,
    Secret,
    TimedOut,
    Unavailable,
    hookimpl,
    setting,
)
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

QoS = Literal[0, 1, 2]
FOREVER = 0xFFFFFFFF  # as a session's expiry interval (MQTT 5, 3.1.2.11.2)
LOGGED = 200
"""Bytes of a message that is given up which are logged."""


class Broker(Model):
    """Where the broker is, and how to log in. Times are seconds."""

    host: Annotated[str, setting("Host name or address of the broker", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("Its port", ge=1, le=65535)] = 1883
    username: Annotated[str, setting("User to log in as; empty logs in as nobody")] = ""
    password: Annotated[Secret, setting("The user's password")] = Secret("")
    tls: Annotated[bool, setting("Whether to use TLS; the broker's certificate is verified")] = (
        False
    )
    ca_file: Annotated[
        str, setting("File with the authorities to trust; by default the system's")
    ] = ""
    client_id: Annotated[
        str, setting("Client identifier; by default the name of the definition", max_length=65535)
    ] = ""
    keep_alive: Annotated[
        int, setting("Time after which a silent connection is given up", ge=1, le=65535)
    ] = 20
    timeout: Annotated[
        float, setting("Time for connecting, and for a broker to confirm", gt=0, le=600)
    ] = 5.0


class Subscription(Broker):
    """Settings of the channel."""

    topic: Annotated[
        str,
        setting("Topics to subscribe to; + and # are wildcards", min_length=1, example="orders/+"),
    ]
    client_id: Annotated[
        str, setting("Client identifier; by default made of the definition's name", max_length=200)
    ] = ""
    qos: Annotated[
        QoS, setting("Quality of service to ask for: 0 may lose, 1 may repeat, 2 does neither")
    ] = 1
    attempts: Annotated[
        int,
        setting("Maximum delivery attempts of a message that its service fails on", ge=1, le=1000),
    ] = 5
    failed_topic: Annotated[
        str, setting("Topic for messages that are given up; they are logged, too")
    ] = ""
    threads: Annotated[
        int, setting("Messages handled at a time; the broker keeps the others", ge=1, le=1000)
    ] = 4


class Publication(Broker):
    """Settings of the outgoing connection."""

    topic: Annotated[str, setting("Topic of messages that name none")] = ""
    qos: Annotated[QoS, setting("Quality of service of messages that name none")] = 1
    retain: Annotated[
        bool, setting("Whether the broker keeps the last message for who subscribes later")
    ] = False


BrokerT = TypeVar("BrokerT", bound=Broker)


class Connected(Definition[BrokerT]):
    """What both types share: one client, connected when `start` returns; a break is reported to core."""

    _client: mqtt.Client | None = None
    _looping = False
    _stopping = False

    @property
    def place(self) -> str:
        """The broker's address."""
        return f"{self.config.host}:{self.config.port}"

    def connect(self, client_id: str, at_most: int, **callbacks: Any) -> mqtt.Client:
        """Connect and log in, to receive at most so many unacknowledged messages.

        Raises `TimedOut`, or `Unavailable` with what the broker said.
        """
        client = self._client = self._make_client(client_id, callbacks)
        answered = threading.Event()
        refused: list[str] = []

        def on_connect(_: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            if reason.is_failure:
                refused.append(str(reason))
            answered.set()

        def on_disconnect(_: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            if answered.is_set() and not refused and not self._stopping:
                self.lost(ConnectionError(f"the broker at {self.place} went away: {reason}"))

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.connect(
            self.config.host,
            self.config.port,
            self.config.keep_alive,
            clean_start=not client_id,
            properties=_session(client_id, at_most),
        )
        client.loop_start()
        self._looping = True
        if not answered.wait(self.config.timeout):
            raise TimedOut(f"the broker at {self.place} does not answer")
        if refused:
            raise Unavailable(f"the broker at {self.place} refuses the connection: {refused[0]}")
        return client

    def _make_client(self, client_id: str, callbacks: dict[str, Any]) -> mqtt.Client:
        config = self.config
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._pinging = threading.Lock()
        for name, callback in callbacks.items():
            setattr(client, name, callback)
        if config.tls:
            client.tls_set(config.ca_file or None)
        if config.username:
            client.username_pw_set(config.username, config.password)
        client.connect_timeout = config.timeout
        return client

    def disconnect(self) -> None:
        """Close the connection and end its thread."""
        self._stopping = True
        client = self._client
        self._client = None
        if client is None:
            return
        client.disconnect()
        if self._looping:
            client.loop_stop()
            return
        left = client.socket()
        if left is not None:  # the thread that closes it was never started
            left.close()

    def ping(self) -> str:
        """Have the broker answer: it confirms the end of a subscription that never was."""
        client = self._client
        if client is None:
            raise Unavailable(f"not connected to {self.place}")
        answered = threading.Event()
        with self._pinging:
            client.on_unsubscribe = lambda *confirmed: answered.set()
            client.unsubscribe("hansa/ping")
            end = time.monotonic() + self.config.timeout
            while not answered.wait(0.05):
                if not client.is_connected():
                    raise Unavailable(f"not connected to {self.place}")
                if time.monotonic() > end:
                    raise TimedOut(f"the broker at {self.place} does not answer")
        return f"connected to {self.place}"


def _session(client_id: str, at_most: int) -> Properties:
    """What a connection asks of the broker; with an identifier, messages are kept while nobody is here."""
    session: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    if client_id:
        session.SessionExpiryInterval = FOREVER
    session.ReceiveMaximum = at_most
    properties: Properties = session
    return properties


class MqttChannel(Connected[Subscription], Channel[Subscription]):
    """Receives messages from an MQTT broker; each is acknowledged once its service handled it.

    One worker of the cluster subscribes. A message that its service cannot handle is tried again with
    growing pauses, and given up after `attempts`; one in hand when the worker dies comes again. The
    service receives `topic`, `qos` and `retain` as headers.
    """

    type = "mqtt"
    Config = Subscription
    placement = "cluster"
    exclusive = True  # two connections with one client identifier throw each other out
    delivery = "at_least_once"
    _pool: ThreadPoolExecutor | None = None

    @classmethod
    def delivery_of(cls, config: Subscription) -> Guarantee:
        """Return at least once; at most once with QoS 0, which nobody acknowledges."""
        return "at_most_once" if config.qos == 0 else "at_least_once"

    def start(self) -> None:
        """Connect and subscribe; raises what the broker refuses."""
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(self.config.threads, f"mqtt {self.name}")
        granted = threading.Event()
        reasons: list[Any] = []

        def on_subscribe(_: Any, data: Any, mid: int, given: list[Any], properties: Any) -> None:
            reasons.extend(given)
            granted.set()

        client_id = self.config.client_id or f"hansa {self.name}"
        client = self.connect(
            client_id, self.config.threads, on_message=self._receive, on_subscribe=on_subscribe
        )
        client.subscribe(self.config.topic, self.config.qos)
        if not granted.wait(self.config.timeout):
            raise TimedOut(f"the broker does not confirm the subscription to {self.config.topic!r}")
        if reasons[0].is_failure:
            raise Unavailable(
                f"the broker refuses the subscription to {self.config.topic!r}: {reasons[0]}"
            )

    def stop(self) -> None:
        """Take nothing new, finish what was begun, go."""
        self._stopping = True
        if self._pool is not None:
            self._ending.set()
            # what is done is acknowledged, so before the connection goes
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self.disconnect()

    def _receive(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        if not self._stopping and self._pool is not None:
            self._pool.submit(self._handle, client, message)

    def _handle(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        headers = {
            "topic": message.topic,
            "qos": str(message.qos),
            "retain": str(message.retain).lower(),
        }
        for attempt in range(1, self.config.attempts + 1):
            request = Request(raw=bytes(message.payload), headers=headers, attempt=attempt)
            response = self.dispatch(request)
            if response.outcome != "retry" or attempt == self.config.attempts:
                break
            if self._ending.wait(min(0.1 * 2**attempt, 10.0)):
                return  # not acknowledged: it comes again to whoever subscribes next
        if response.outcome == "done" or self._give_up(client, message, attempt, response):
            client.ack(message.mid, message.qos)

    def _give_up(
        self, client: mqtt.Client, message: mqtt.MQTTMessage, attempts: int, response: Response
    ) -> bool:
        """Log a message that cannot be handled, and publish it to the topic for those; returns
        whether it may be acknowledged.
        """
        self.log.error(
            "a message of %s was given up after %s attempts (cid %s): %s; it begins with %r",
            message.topic,
            attempts,
            response.cid,
            response.error,
            bytes(message.payload[:LOGGED]),
        )
        if not self.config.failed_topic:
            return True
        sent = client.publish(self.config.failed_topic, message.payload, 1)
        with contextlib.suppress(RuntimeError, ValueError):  # there is no connection to send it on
            sent.wait_for_publish(self.config.timeout)
        if sent.is_published():
            return True
        # on the next connection the broker sends it again
        self.lost(
            TimeoutError(f"the broker does not confirm messages to {self.config.failed_topic}")
        )
        return False


class MqttOutgoing(Connected[Publication], Outgoing[Publication]):
    """Publishes to an MQTT broker, from many threads at once.

    A service calls `self.outgoing.mqtt["name"].publish("text", topic="a/b")`.
    """

    type = "mqtt"
    Config = Publication

    def start(self) -> None:
        """Connect; raises what the broker refuses."""
        # every worker has a connection of its own, and a client identifier belongs to one
        self.connect("", 1)

    def stop(self) -> None:
        """Close the connection."""
        self.disconnect()

    def publish(
        self,
        data: str | bytes,
        topic: str = "",
        *,
        qos: QoS | None = None,
        retain: bool | None = None,
    ) -> None:
        """Publish, and wait until the broker has it (with quality of service 1 and 2).

        Raises `Invalid` for what cannot be a topic, `TimedOut` when the broker does not confirm,
        `Unavailable` without a connection.
        """
        client = self._client
        topic = topic or self.config.topic
        if not topic or any(c in topic for c in "+#\0"):
            raise Invalid({"topic": f"{topic!r} is no topic to publish to"})
        if client is None or not client.is_connected():
            raise Unavailable(f"outgoing mqtt {self.name!r} is not connected")
        sent = client.publish(
            topic,
            data,
            self.config.qos if qos is None else qos,
            self.config.retain if retain is None else retain,
        )
        if sent.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise Unavailable(f"outgoing mqtt {self.name!r}: {mqtt.error_string(sent.rc)}")
        sent.wait_for_publish(self.config.timeout)
        if not sent.is_published():
            raise TimedOut(
                f"outgoing mqtt {self.name!r}: no confirmation within {self.config.timeout:g} s"
            )


@hookimpl
def hansa_transports() -> list[type[Any]]:
    """Give both types."""
    return [MqttChannel, MqttOutgoing]
