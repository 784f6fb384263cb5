"""A strict stand-in for what RabbitMQ does not have over AMQP 1.0: selectors, durable subscriptions, and
prefixes that the broker tells, as ActiveMQ and Artemis have them; Debian has neither with AMQP.

It speaks by Proton's server side, in a thread, and refuses what the "AMQP JMS Mapping" does not have.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

import proton
from hansa_devkit.harness.ports import free_port
from proton import Condition, Delivery, Described, Message, Terminus, byte, symbol
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

PREFIXES = {"queue": "queue://", "topic": "topic://"}
SELECTOR = symbol("apache.org:selector-filter:string")
SELECTOR_CODE = 0x0000468C00000004
COMPARISON = re.compile(r"(\w+) (=|>) ('[^']*'|\d+)")
BODIES = {2: dict, 3: bytes, 5: str}


@dataclass
class Source:
    """Messages that wait, for a queue or for one subscription of a topic."""

    topic: str = ""
    waiting: deque[Message] = field(default_factory=deque)


class Strict(MessagingHandler):
    """The broker, with messages in memory that outlive connections."""

    def __init__(self) -> None:
        super().__init__(prefetch=100, auto_accept=False, auto_settle=False)
        self.port = free_port()
        self.queues: dict[str, Source] = {}
        self.subscriptions: dict[tuple[str, str], Source] = {}
        self.sent = 0
        self.rejected: list[Message] = []
        self._links: dict[proton.Link, tuple[Source, str]] = {}
        self._unsettled: dict[proton.Link, dict[str, Message]] = {}
        self._refused: dict[proton.Link, str] = {}
        self._injector = EventInjector()
        self._container = Container(self)
        self._container.container_id = "strict"
        self._container.selectable(self._injector)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._container.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(30)
        return self

    def __exit__(self, *error: object) -> None:
        self._injector.trigger(ApplicationEvent("stop_all"))
        self._thread.join(30)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {"protocol": "amqp", "host": "127.0.0.1", "port": self.port}

    def count(self, queue: str) -> int:
        """How many messages are in a queue."""
        return len(self.queues[queue].waiting) if queue in self.queues else 0

    # -- events ------------------------------------------------------------------------------------

    def on_start(self, event: Any) -> None:
        self._acceptor = event.container.listen(f"127.0.0.1:{self.port}")
        self._listening.set()

    def on_stop_all(self, event: Any) -> None:
        self._acceptor.close()
        for link in [*self._links]:
            link.connection.close()
        self._container.stop()

    def on_connection_opening(self, event: Any) -> None:
        told = {symbol(f"{kind}-prefix"): prefix for kind, prefix in PREFIXES.items()}
        event.connection.properties = told

    def on_link_opening(self, event: Any) -> None:
        link = event.link
        terminus = link.remote_source if link.is_sender else link.remote_target
        kind, fault = _kind_of(terminus)
        if not fault and link.is_sender:
            fault = self._subscribe(link, kind)
        if fault:
            self._refused[link] = fault
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if link.is_sender:
            self._deliver()

    def on_link_opened(self, event: Any) -> None:
        fault = self._refused.pop(event.link, "")
        if fault:
            event.link.condition = Condition("amqp:invalid-field", fault)
            event.link.close()

    def _subscribe(self, link: proton.Link, kind: str) -> str:
        source = link.remote_source
        selector = _selector_of(source)
        if selector and not all(COMPARISON.fullmatch(each) for each in selector.split(" AND ")):
            return f"invalid selector: {selector}"
        name = str(source.address).removeprefix(PREFIXES[kind])
        if kind == "queue":
            found = self.queues.setdefault(name, Source())
        elif source.durability == Terminus.DELIVERIES:
            if source.expiry_policy != Terminus.EXPIRE_NEVER:
                return "a durable subscription that expires"
            key = (str(link.connection.remote_container), link.name)
            found = self.subscriptions.setdefault(key, Source(name))
        else:
            found = self.subscriptions[("", f"{id(link)}")] = Source(name)
        self._links[link] = (found, selector)
        self._unsettled[link] = {}
        return ""

    def on_message(self, event: Any) -> None:
        message = event.message
        fault = _fault_of(message)
        if fault:
            event.delivery.local.condition = Condition("amqp:decode-error", fault)
            self.settle(event.delivery, Delivery.REJECTED)
            return
        kind, fault = _kind_of(event.link.remote_target)
        if fault:
            return  # its link ends in a moment
        name = event.link.remote_target.address.removeprefix(PREFIXES[kind])
        if kind == "queue":
            self.queues.setdefault(name, Source()).waiting.append(message)
        for source in self.subscriptions.values():
            if kind == "topic" and source.topic == name:
                source.waiting.append(message)
        self.accept(event.delivery)
        self._deliver()

    def on_sendable(self, event: Any) -> None:
        self._deliver()

    def _deliver(self) -> None:
        for link, (source, selector) in self._links.items():
            for message in [*source.waiting]:
                if link.credit > 0 and _meets(message, selector):
                    source.waiting.remove(message)
                    self.sent += 1
                    self._unsettled[link][f"{self.sent}"] = message
                    link.send(message, f"{self.sent}")

    def on_accepted(self, event: Any) -> None:
        self._unsettled.get(event.link, {}).pop(event.delivery.tag, None)

    def on_rejected(self, event: Any) -> None:
        self.rejected.append(self._unsettled[event.link].pop(event.delivery.tag))

    def on_released(self, event: Any) -> None:
        message = self._unsettled[event.link].pop(event.delivery.tag)
        self._links[event.link][0].waiting.appendleft(message)

    def on_settled(self, event: Any) -> None:
        event.delivery.settle()
        self._deliver()

    def _gone(self, link: proton.Link) -> None:
        """Have delivered again what one that has gone did not settle."""
        if link not in self._links:
            return
        source, _ = self._links.pop(link)
        for message in reversed(self._unsettled.pop(link).values()):
            message.delivery_count += 1
            source.waiting.appendleft(message)
        self.subscriptions.pop(("", f"{id(link)}"), None)
        self._deliver()

    def on_link_closing(self, event: Any) -> None:
        link = event.link
        self._gone(link)
        if link.is_sender and link.remote_source.durability == Terminus.DELIVERIES:
            # closed, and not left for a while: an end for ever
            self.subscriptions.pop((str(link.connection.remote_container), link.name), None)

    def on_link_remote_detach(self, event: Any) -> None:
        self._gone(event.link)
        event.link.detach()

    def on_disconnected(self, event: Any) -> None:
        for link in [*self._links]:
            if link.connection == event.connection:
                self._gone(link)


def _kind_of(terminus: Terminus) -> tuple[str, str]:
    """Return whether a queue or a topic is meant, and what is wrong."""
    terminus.capabilities.rewind()
    terminus.capabilities.next()
    kinds = terminus.capabilities.get_object()
    kind = str(kinds.elements[0])
    if kind not in PREFIXES or not str(terminus.address).startswith(PREFIXES[kind]):
        return kind, f"{terminus.address} is no {kind} here"
    return kind, ""


def _selector_of(source: Terminus) -> str:
    source.filter.rewind()
    if not source.filter.next():
        return ""
    found = source.filter.get_object().get(SELECTOR)
    assert isinstance(found, Described) and found.descriptor == SELECTOR_CODE
    return str(found.value)


def _meets(message: Message, selector: str) -> bool:
    for name, operator, wanted in COMPARISON.findall(selector):
        value = message.priority if name == "JMSPriority" else (message.properties or {}).get(name)
        text = wanted.startswith("'")
        if isinstance(value, str) != text or value is None:
            return False
        if operator == "=" and value != (wanted.strip("'") if text else int(wanted)):
            return False
        if operator == ">" and not value > int(wanted):
            return False
    return True


def _fault_of(message: Message) -> str:
    """Return what the mapping of JMS does not have."""
    annotations: dict[Any, Any] = message.annotations or {}
    kind = annotations.get(symbol("x-opt-jms-msg-type"))
    if kind is None and "hansaAttempts" in (message.properties or {}):
        return ""  # a copy of what no client of JMS has sent
    body = bytes(message.body) if isinstance(message.body, memoryview) else message.body
    if not isinstance(kind, byte) or kind not in BODIES or not isinstance(body, BODIES[kind]):
        return f"a body of {type(body).__name__} in a message of type {kind!r}"
    if kind == 3 and (message.content_type != "application/octet-stream" or not message.inferred):
        return "a bytes message whose body is no data"
    if not str(message.id).startswith("ID:") or not message.creation_time:
        return "a message without id or time"
    return ""
