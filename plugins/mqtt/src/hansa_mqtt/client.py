"""A client of paho-mqtt that confirms late, connects within a time limit, and tells of its end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TypeAlias

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

Connect: TypeAlias = Callable[[], socket.socket]


class Client(mqtt.Client):
    """A client whose messages are each confirmed by `ack`, whatever their quality of service.

    paho-mqtt confirms a message of QoS 2 (PUBREC) when it arrives, after which the broker does not
    send it again: it would be lost with this process. Here `on_message` comes before that, and
    `ack` sends PUBREC (method B of MQTT 5, section 4.3.3).

    `connect_socket` makes the connection; `on_pong` is called for each answer to a `ping`, and
    `on_broken` for what ends the thread of the client.
    """

    def __init__(self, client_id: str, version: int, clean: bool, connect_socket: Connect) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if version == mqtt.MQTTv5 else clean,
            protocol=version,  # type: ignore[arg-type]  # an enumeration of whole numbers
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.connect_socket = connect_socket
        self.on_pong: Callable[[], None] | None = None
        self.on_broken: Callable[[Exception], None] | None = None
        self._unconfirmed: int | None = None

    def ping(self) -> None:
        """Ask the broker whether it is there."""
        self._send_pingreq()

    def ack(self, mid: int, qos: int) -> MQTTErrorCode:
        """Confirm a message; one of QoS 2 by PUBREC."""
        return super()._send_pubrec(mid) if qos == 2 else super().ack(mid, qos)

    def release(self) -> None:
        """Close what is open, without a thread that would do it, and forget all callbacks."""
        self._reset_sockets()
        self.on_connect = self.on_disconnect = self.on_message = None
        self.on_publish = self.on_subscribe = self.on_unsubscribe = None
        self.on_pong = self.on_broken = None

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """Run until the connection ends; what a malformed packet raises is told."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:
            if self.on_broken is not None:
                self.on_broken(error)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    # -- what paho-mqtt does otherwise -------------------------------------------------------------

    def _create_socket(self) -> socket.socket:
        return self.connect_socket()

    def _handle_pingresp(self) -> MQTTErrorCode:
        result = super()._handle_pingresp()
        if self.on_pong is not None:
            self.on_pong()
        return result

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:
        # called for a message that has just arrived
        self._unconfirmed = mid
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_publish(self) -> MQTTErrorCode:
        result = super()._handle_publish()
        mid = self._unconfirmed
        self._unconfirmed = None
        if mid is not None:
            with self._in_message_mutex:
                message = self._in_messages.pop(mid)
            self._handle_on_message(message)
        return result

    def _handle_pubrel(self) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        mid = int.from_bytes(packet[:2], "big")
        result = super()._handle_pubrel()
        if result == MQTTErrorCode.MQTT_ERR_SUCCESS:
            return self._send_pubcomp(mid)
        return result
