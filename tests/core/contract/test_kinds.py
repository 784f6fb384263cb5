"""The kinds: a type's settings are those of its type argument, and objects report through their
server.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from hansa import (
    Channel,
    ChannelSettings,
    ConfigT,
    Format,
    Guarantee,
    Invalid,
    Misused,
    Model,
    NoSettings,
    Outgoing,
    OutgoingRequest,
    Refused,
    Request,
    Response,
    Security,
    lease_name,
    setting,
)
from hansa.contract.conversion import output_writer


class Address(Model):
    host: Annotated[str, setting("Host")] = "localhost"


class Queue(Address):
    queue: Annotated[str, setting("Queue")] = "q"


class Connected(Outgoing[ConfigT]):
    """What a library of connectors may offer: it leaves the settings open."""


class Plain(Channel[Queue]):
    type = "plain"


class Mixed(Connected[Address]):
    type = "mixed"


class Named(Outgoing):
    type = "named"
    Config = Address


class Derived(Plain):
    type = "derived"


class Both(Channel[Address]):
    type = "both"
    Config = Queue


class Bare(Security):
    type = "bare"


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (Plain, Queue),
        (Mixed, Address),
        (Named, Address),
        (Derived, Queue),
        (Both, Queue),
        (Bare, NoSettings),
        (Connected, NoSettings),
    ],
)
def test_settings_are_those_of_the_type_argument_unless_named(cls: Any, config: type[Model]):
    assert cls.Config is config


class Reports:
    def __init__(self) -> None:
        self.told: list[tuple[str, object, object]] = []
        self.objects = self
        self.guard = Bare("guard", NoSettings(), SimpleNamespace(objects=self))

    def lost(self, broken: object, error: object) -> None:
        self.told.append(("lost", broken, error))

    def trouble(self, troubled: object, why: object) -> None:
        self.told.append(("trouble", troubled, why))

    def security(self, name: str) -> Security:
        assert name == "guard"
        return self.guard


def test_a_type_that_does_neither_admits_nobody_and_signs_nothing():
    guard = Reports().guard
    with pytest.raises(Refused) as caught:
        guard.authenticate(Request())
    assert caught.value.reason == "security bare 'guard' does not authenticate callers"
    with pytest.raises(Misused, match="bare 'guard' does not sign outgoing calls"):
        guard.sign_request(OutgoingRequest(method="GET", url="http://127.0.0.1", headers={}))


def test_what_is_lost_and_what_has_trouble_are_two_reports():
    server: Any = Reports()
    made = Mixed("a", Address(), server)
    error = OSError("gone")
    made.lost(error)
    made.trouble("nobody answers")
    made.trouble("")
    assert server.told == [
        ("lost", made, error),
        ("trouble", made, "nobody answers"),
        ("trouble", made, ""),
    ]


def test_an_outgoing_connection_finds_its_security_definition_each_time():
    server: Any = Reports()

    class Guarded(Address):
        security: Annotated[str | None, setting("Signs", refers="security")] = None

    assert Mixed("a", Address(), server).security is None
    assert Outgoing("b", Guarded(), server).security is None
    assert Outgoing("c", Guarded(security="guard"), server).security is server.guard


def test_a_channel_has_the_settings_of_every_channel_beside_its_own():
    server: Any = Reports()

    class Whole(Queue, ChannelSettings):
        pass

    whole = Plain("a", Whole(service="s", queue="x"), server)
    assert (whole.settings.service, whole.config.queue) == ("s", "x")
    with pytest.raises(TypeError, match="without the settings of a channel"):
        _ = Plain("a", Queue(), server).settings


def test_the_guarantee_of_a_channel_is_that_of_its_class_unless_its_settings_decide():
    class Kept(Channel):
        delivery = "at_least_once"

    class Depends(Kept):
        @classmethod
        def delivery_of(cls, config: Any) -> Guarantee:
            return "at_most_once" if config == "automatic" else super().delivery_of(config)

    given: Any = None
    assert Channel.delivery_of(given) == "at_most_once"
    decided: list[Any] = ["automatic", ""]
    assert Kept.delivery_of(given) == "at_least_once"
    assert [Depends.delivery_of(each) for each in decided] == [
        "at_most_once",
        "at_least_once",
    ]


def test_the_lease_of_what_runs_once():
    key = ("channel", "ftp", "a")
    assert lease_name("cluster", "s1", key) == "cluster:channel:ftp:a"
    assert lease_name("server", "s1", key) == "server:s1:channel:ftp:a"


def test_a_format_says_an_error_in_one_line_of_text():
    raw, content_type = Format().render_error(ValueError("inside"), "K1")
    assert content_type == "text/plain; charset=utf-8"
    assert b"K1" in raw and b"inside" not in raw and raw.count(b"\n") == 1


class Boundary(Format):
    """A format whose content type depends on what it writes."""

    content_types = ("text/plain",)

    def render(self, value: object, model: Any = None) -> bytes:
        return str(value).encode()

    def write(self, value: object, model: Any = None) -> tuple[bytes, str]:
        return self.render(value, model), f"text/plain; boundary={value}"


class OneType(Boundary):
    """A format with one content type."""

    def write(self, value: object, model: Any = None) -> tuple[bytes, str]:
        return Format.write(self, value, model)


@pytest.mark.parametrize(
    ("format", "payload", "given", "expected"),
    [
        (Boundary(), 7, "", "text/plain; boundary=7"),
        (Boundary(), 7, "text/html", "text/html"),
        (Boundary(), b"7", "", "text/plain"),
        (OneType(), 7, "", "text/plain"),
    ],
)
def test_a_format_may_choose_the_content_type_by_the_value(format, payload, given, expected):
    response = Response(payload, content_type=given)
    output_writer(None, format)(response)
    assert (response.raw, response.content_type) == (b"7", expected)


def test_texts_become_an_input_as_parameters_do():
    class Login(Model):
        port: Annotated[int, setting("Port")]
        hosts: Annotated[list[str], setting("Hosts")] = []

    read = Format.text_reader(Login)
    assert read({"port": "7", "hosts": "a"}) == Login(port=7, hosts=["a"])
    with pytest.raises(Invalid) as caught:
        read({"port": "x"})
    assert set(caught.value.errors) == {"port"}
