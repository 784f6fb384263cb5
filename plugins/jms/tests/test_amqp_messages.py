"""Messages of AMQP that nobody of good will has written are told as faults, and copied as they are."""

from __future__ import annotations

from typing import Any

import proton
import pytest
from hansa import Invalid, Unavailable, load
from hansa_jms import broker
from hansa_jms.amqp.addresses import Address, Addresses
from hansa_jms.amqp.reading import received
from hansa_jms.amqp.sections import head_length, value_of
from hansa_jms.amqp.writing import copied_message, outgoing_message
from hansa_jms.messages import Options
from hansa_jms.settings import SendingSettings
from hansa_jms.wire import Outbound
from hypothesis import given, strategies as st

TO_ANYWHERE = Options("orders", "c", "/topic/answers", "t", 7, 60, True)


def addresses(told: Any = None, **settings: Any) -> Addresses:
    return Addresses(load(SendingSettings, {"protocol": "amqp", **settings}), told or {})


def written(body: object) -> bytes:
    return outgoing_message(Outbound(body, {"own": 1}, {}, TO_ANYWHERE, 10_000_000), addresses())


WHOLE = [written("text"), written(b"bytes"), written({"a": 1, "b": None})]


@given(
    st.binary(max_size=200)
    | st.sampled_from(WHOLE).flatmap(
        lambda raw: st.tuples(
            st.integers(0, len(raw)), st.binary(max_size=4), st.integers(0, len(raw))
        ).map(lambda cut: raw[: cut[0]] + cut[1] + raw[cut[2] :])
    )
)
def test_any_bytes_are_a_message_or_a_fault_and_can_be_a_dead_letter(raw):
    found = received(None, raw, addresses(), "/queue/in", 1000)
    assert found.fault or found.kind in ("text", "bytes", "map")
    copy = copied_message(found, {"hansaAttempts": "1"}, "/queue/dead", True, addresses())
    again = received(None, copy, addresses(), "", 1000)
    assert again.properties.get("hansaAttempts") == "1"


def test_a_copy_keeps_the_types_of_properties():
    found = received(None, written("x"), addresses(), "/queue/in", 1000)
    copy = proton.Message()
    copy.decode(copied_message(found, {"own": "1"}, "/queue/in", False, addresses()))
    assert repr(copy.properties) == "{'own': int32(1)}"


def test_deep_nesting_ends_nothing():
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    raw = proton.Message(body=deep).encode()
    assert received(None, raw, addresses(), "", 10_000).fault


def data(body: bytes) -> bytes:
    return b"\0\x53\x75\xa0" + bytes([len(body)]) + body


def test_a_body_in_several_sections_of_data_is_read_whole():
    """Data of AMQP may come in parts; of a message of which one part is read, the rest is lost."""
    footer = b"\0\x53\x78\xc1\x01\0"
    long = b"\0\x80" + (0x75).to_bytes(8) + b"\xb0" + (3).to_bytes(4) + b"two"
    for raw in (data(b"one") + data(b"two"), data(b"one") + long + footer):
        found = received(None, raw, addresses(), "", 1000)
        assert (found.body, found.fault) == (b"onetwo", "")
        copy = copied_message(found, {}, "/queue/dead", True, addresses())
        assert received(None, copy, addresses(), "", 1000).body == b"onetwo"


@pytest.mark.parametrize(
    "raw",
    [
        data(b"one")[:-1],
        data(b"one") + b"rest",
        data(b"one") + b"\0\x53\x77\xa1\x03two",
        b"\0\x53\x77\xa1\x03one" + b"\0\x53\x77\xa1\x03two",
        b"\0\x53\x77\xa1\x05one",
    ],
)
def test_a_body_that_is_not_whole_is_a_fault_and_its_dead_letter_has_all_of_it(raw):
    found = received(None, raw, addresses(), "", 1000)
    assert "cannot be read" in found.fault and found.body == raw
    copy = copied_message(found, {}, "/queue/dead", True, addresses())
    again = received(None, copy, addresses(), "", 1000)
    assert (again.body, again.fault) == (raw, "")


def test_binary_data_outlives_its_decoder():
    raw = written({"a": b"bytes"})
    items: Any = value_of(raw[head_length(raw) :])
    assert {type(value) for value in items.values()} == {bytes}
    assert type(value_of(b"\0\x53\x77\xa0\x03abc")) is bytes


def test_any_number_of_sections_before_the_body_is_a_fault_at_once():
    raw = b"\0\x53\x70\x45" * 100_000 + data(b"one")
    assert "no message" in received(None, raw, addresses(), "", 1_000_000).fault


def test_a_map_that_is_too_large_is_not_read(monkeypatch):
    raw = written({f"{number}": "x" * 1000 for number in range(2000)})
    found = received(None, raw, addresses(), "", 100)
    assert found.items is None and len(found.body) > 100 and not found.fault


def test_the_prefixes_of_addresses():
    told = {"queue-prefix": "queue://", "topic-prefix": "topic://"}
    assert addresses().of("orders") == Address("orders", 0)
    assert addresses(told).of("/topic/news") == Address("topic://news", 1)
    assert addresses(told, queue_prefix="q/").of("/queue/a") == Address("q/a", 0)
    rabbit = {"product": "RabbitMQ", "version": "3.10.8"}
    assert addresses(rabbit).of("orders") == Address("/queue/orders", 0)
    with pytest.raises(Unavailable, match="ASCII"):
        addresses(rabbit).of("größe")
    assert addresses().of("/remote-temp-queue/x:1") == Address("x:1", 2)
    assert addresses(told).destination("topic://news") == "/topic/news"
    assert addresses().destination("temp-queue://x", 2) == "/remote-temp-queue/temp-queue://x"
    assert addresses().destination("") == ""


def test_settings_of_amqp_are_refused_with_stomp():
    with pytest.raises(Invalid, match="queue_prefix: is of AMQP"):
        load(SendingSettings, {"queue_prefix": "queue://"})


def test_that_the_library_is_missing_is_told(monkeypatch):
    monkeypatch.setattr(broker, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install 'hansa-jms\[amqp\]'"):
        broker.check_proton()
