"""What `self` has: names, channel, environment, logging, verbs, and what deployment does with
classes.
"""

from __future__ import annotations

import datetime
import logging
import math
import os
import re
from typing import Any

import pytest
from hansa import load
from hansa.contract.service import Binding
from hansa_http.channel import HttpSettings
from hansa_zato.dialect import dispatch
from hansa_zato.section import ZatoSection
from zato.common import CHANNEL
from zato.server.service import ChannelInfo, Service

from plugins.zato.tests.facade import Facade


def service(action: Any, **attributes: Any) -> Any:
    return type("Some", (Service,), {"handle": lambda self: action(self), **attributes})


def seen(server: Facade, *args: Any, **kwargs: Any) -> Any:
    """The instance that handled a message."""
    found: list[Any] = []
    attributes = kwargs.pop("attributes", {})
    server.call(service(found.append, **attributes), *args, **kwargs)
    return found[0]


# -- 2.2: names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "cls", "name"),
    [
        ("my_service.py", "GetClientDetails", "my-service.get-client-details"),
        ("m.py", "GetWSDLDoc", "m.get-wsdl-doc"),
        ("m.py", "HTTPEcho", "m.http-echo"),
        ("m.py", "Get2FAToken", "m.get2fa-token"),
        ("m.py", "Get_Foo", "m.get_foo"),
        ("m.py", "AClass", "m.a-class"),
        ("my-service.py", "GetRate", "my-service.get-rate"),
        ("My Service.v2.py", "GetRate", "My-Service-v2.get-rate"),
    ],
)
def test_automatic_names(deploy: Any, file: str, cls: str, name: str) -> None:
    source = f"from zato.server.service import Service\nclass {cls}(Service):\n    def handle(self): pass\n"
    found = deploy(source, file)
    assert {c: made.get_name() for c, made in found.items()} == {cls: name}
    module = re.sub(r"\W", "_", file.removesuffix(".py"))
    assert found[cls].get_impl_name() == f"{module}.{cls}"


def test_names_of_ones_own(deploy: Any) -> None:
    source = """
from zato.server.service import Service
class A(Service):
    name = 'my.own-name'
class B(Service):
    @classmethod
    def get_name(cls): return 'by.classmethod'
class C(Service):
    @staticmethod
    def get_name(): return 'by.staticmethod'
class Hidden(Service):
    zato_dont_import = True
class Shown(Hidden):
    pass
"""
    names = {name: cls.get_name() for name, cls in deploy(source).items()}
    assert names == {
        "A": "my.own-name",
        "B": "by.classmethod",
        "C": "by.staticmethod",
        "Shown": "my-service.shown",
    }


def test_a_bad_declaration_is_an_error_of_the_source_with_its_line(deploy: Any) -> None:
    from hansa.deployment.failures import describe_error

    source = (
        "from zato.server.service import Service\n\n"
        "class A(Service):\n    class SimpleIO:\n        input_required = 5\n"
    )
    with pytest.raises(TypeError) as caught:
        deploy(source)
    assert describe_error(caught.value, "my_service.py").startswith(
        "my_service.py, line 3: TypeError: A.SimpleIO.input_required"
    )


# -- 2.3: attributes -------------------------------------------------------------------------------


def test_a_new_instance_for_each_message(server: Facade) -> None:
    found: list[Any] = []
    cls = service(found.append)
    for _ in range(3):
        server.call(cls, "{}")
    assert len({id(one) for one in found}) == 3
    assert [one.usage for one in found] == [1, 2, 3]


def test_who_it_is(server: Facade) -> None:
    found = seen(server, "{}", cid="K7")
    assert (found.name, found.impl_name.rpartition(".")[2], found.cid, found.request.cid) == (
        type(found).get_name(),
        "Some",
        "K7",
        "K7",
    )
    assert found.job_type is None
    assert abs(
        found.invocation_time - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    ) < datetime.timedelta(seconds=60)


@pytest.mark.parametrize(
    ("type", "channel", "transport"),
    [
        ("http", "http-soap", "plain_http"),
        ("schedule", "scheduler", None),
        ("amqp", "amqp", None),
        ("zeromq", "zmq", None),
        ("ibmmq", "jms-wmq", None),
        ("invoke", "invoke", None),
        ("invoke-async", "invoke-async", None),
        ("third-party", "third-party", None),
    ],
)
def test_the_channel_is_text_and_object(
    server: Facade, type: str, channel: str, transport: str | None
) -> None:
    found = seen(server, "{}", type=type)
    assert isinstance(found.channel, ChannelInfo)
    assert found.channel == found.chan == found.channel.type == channel
    assert found.channel.lower() == channel
    assert found.transport == found.request.transport == transport
    assert found.data_format == "json"
    assert found.channel.security.username is None


def test_constants_of_channels() -> None:
    assert (CHANNEL.HTTP_SOAP, CHANNEL.SCHEDULER, CHANNEL.INVOKE_ASYNC) == (
        "http-soap",
        "scheduler",
        "invoke-async",
    )


def test_who_called(server: Facade) -> None:
    found = seen(server, "{}", config=load(HttpSettings, {"url_path": "/x"}))
    found.core.principal = "joe"
    assert (found.channel.sec.username, found.channel.security.impl) == ("joe", "joe")
    assert (found.channel.match_target, found.channel.name) == ("/x", "a channel")


@pytest.mark.parametrize(
    ("settings", "job"),
    [
        ({"cron": "* * * * *"}, "cron_style"),
        ({"minutes": 5}, "interval_based"),
        ({"start": "x"}, "one_time"),
        ({"job_type": "interval"}, "interval_based"),
    ],
)
def test_the_type_of_job(server: Facade, settings: dict[str, Any], job: str) -> None:
    config = type("Config", (), settings)
    assert dispatch.job_type(Binding("x", server.as_server, None, "job", "schedule", config)) == job
    assert dispatch.job_type(Binding("x", server.as_server, None, "job", "http", config)) is None


def test_wsgi_environ(server: Facade) -> None:
    config = load(HttpSettings, {"url_path": "/a/{b}"})
    environ = {"REQUEST_METHOD": "POST", "HTTP_AUTHORIZATION": "Basic secret"}
    request = {
        "extra": {"query": {"q": "1"}, "path_params": {"b": "2"}},
        "params": {"q": "1", "b": "2"},
    }
    found = seen(
        server,
        "{}",
        config=config,
        environ=environ,
        peer="10.0.0.1",
        method="POST",
        path="/a/2",
        **request,
    )
    wsgi = found.wsgi_environ
    assert wsgi["REQUEST_METHOD"] == "POST"
    assert (wsgi["zato.http.GET"], wsgi["zato.http.path_params"], wsgi["zato.http.POST"]) == (
        {"q": "1"},
        {"b": "2"},
        {},
    )
    assert wsgi["zato.http.remote_addr"] == "10.0.0.1"
    assert wsgi["zato.http.channel_item"].url_path == "/a/{b}"
    assert wsgi["zato.request_timestamp_utc"].tzinfo is datetime.UTC
    assert wsgi["zato.http.response.headers"] is found.response.headers
    assert found.wsgi_environ is wsgi
    assert "zato.http.GET" not in environ
    assert "secret" not in repr(found.log_input())


def test_environ_is_free_for_use(server: Facade) -> None:
    found = seen(server, "{}")
    assert found.environ == {}
    found.environ.mine = 1
    assert found.environ["mine"] == 1
    found.environ = {"other": 2}
    assert found.environ == {"other": 2}


def test_what_is_not_there_says_why(server: Facade) -> None:
    found = seen(server, "{}")
    with pytest.raises(AttributeError, match=r"self\.sso is not available: Hansa keeps no users"):
        _ = found.sso
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = found.nonsense
    assert not hasattr(found, "nonsense")


def test_navigation(server: Facade) -> None:
    found = seen(server, "{}")
    nav = found.dictnav({"a": {"b": [1, 2]}, "c": None})
    assert (nav.get(["a", "b"]), nav.get(["a", "x"], 5), nav.get("c"), nav["c"]) == (
        [1, 2],
        5,
        None,
        None,
    )
    assert (
        nav.has_key("b"),
        nav.has_key("b", False),
        nav.has_path(["a", "b", 1]),
        nav.has_path(["a", "z"]),
    ) == (
        False,
        True,
        True,
        False,
    )
    with pytest.raises(KeyError):
        nav.get(["x"], return_default=False)
    assert (
        found.listnav([1]).get(0),
        found.listnav([1]).get(9, "-"),
        list(found.listnav([1])),
        found.listnav([1]).has_elem(1),
    ) == (1, "-", [1], True)


def test_user_config(server: Facade, tmp_path: Any) -> None:
    server._section = load(ZatoSection, {"user_config": {"bank": "bank.conf"}})
    text = (
        "top = 1\n[limits]\nDaily=500\nrate = 5%  # of the price\nname = \"a, b\"\nother = 'it # is'\n"
        "list = a, 'b c',\n[[inner]]\nx = é\n"
    )
    (tmp_path / "bank.conf").write_text(text)
    found = seen(server, "{}")
    limits = found.user_config.bank.limits
    assert (limits.Daily, found.config.bank["limits"].rate) == ("500", "5%")
    assert (limits.name, limits.other, limits.list) == ("a, b", "it # is", ["a", "b c"])
    assert (limits.inner.x, found.user_config.bank.top) == ("é", "1")
    with pytest.raises(AttributeError, match=r'zato\.user_config .* loans = "loans\.conf" '):
        _ = found.user_config.loans
    assert not hasattr(found.user_config, "loans") and found.user_config.get("loans") is None
    for wrong in ("[a\n", "[a]\nx = 1\nx = 2\n", "[a]\nx = 'open\n"):
        (tmp_path / "bank.conf").write_text(wrong)
        os.utime(tmp_path / "bank.conf", (len(wrong), len(wrong)))
        with pytest.raises(Exception, match=r"bank\.conf cannot be read"):
            _ = found.user_config
    (tmp_path / "bank.conf").unlink()
    with pytest.raises(Exception, match=r"bank\.conf cannot be read") as told:
        _ = found.user_config
    assert "/" not in str(told.value) and str(tmp_path) in getattr(told.value, "reason", "")


# -- verbs -----------------------------------------------------------------------------------------


class Rest(Service):
    """A resource."""

    def handle_GET(self) -> None:
        self.response.payload = "got"

    def handle_POST(self) -> None:
        self.response.payload = "posted"


class Options(Service):
    """Says which methods there are, and handles none of them."""

    def handle_OPTIONS(self) -> None:
        self.response.headers["Allow"] = "GET"


def test_what_says_which_methods_there_are_handles_no_message(server: Facade) -> None:
    assert server.call(Options, "", method="OPTIONS").headers["Allow"] == "GET"
    assert server.call(Options, "").status == 405


class Faulty(Service):
    """A service whose property fails."""

    @property
    def customer(self) -> str:
        return self.request.input.nothing.name

    def handle(self) -> None:
        self.response.payload = self.customer


def test_an_attribute_error_inside_a_property_is_told(server: Facade) -> None:
    error = server.call(Faulty, "").error
    assert isinstance(error, AttributeError)
    assert "nothing" in str(error)


def test_a_handler_for_each_verb(server: Facade) -> None:
    assert server.call(Rest, "", method="GET").raw == b"got"
    assert server.call(Rest, "", method="POST").raw == b"posted"
    response = server.call(Rest, "", method="DELETE")
    assert (response.status, response.raw, response.headers["Allow"]) == (405, b"", "GET, POST")
    assert response.headers["X-Zato-CID"] == response.cid


def test_verbs_for_calls_from_services(server: Facade) -> None:
    server.add(Rest)
    assert server.invoke(Rest.get_name(), "") == ""
    single: type[Service] = type("Single", (Service,), {"handle_POST": Rest.handle_POST})
    server.add(single)
    assert server.invoke(single.get_name(), "") == "posted"


# -- logging ---------------------------------------------------------------------------------------


def test_log_input_and_output(server: Facade, caplog: pytest.LogCaptureFixture) -> None:
    logged: list[Any] = []

    def act(self: Any) -> None:
        self.response.payload = "out"
        logged.append(self.log_input("came in", suppress_keys=["environ"]))
        logged.append(self.log_output())
        self.logger.info("with a cid", cid=self.cid)

    with caplog.at_level(logging.INFO):
        server.call(service(act), '{"a": 1}', cid="K1")
    first, second = logged
    assert first["request.payload"] == {"a": 1}
    assert (first["cid"], first["environ"], first["channel"], first["data_format"]) == (
        "K1",
        "(suppressed)",
        "http-soap",
        "json",
    )
    assert set(first) >= {
        "impl_name",
        "invocation_time",
        "job_type",
        "name",
        "slow_threshold",
        "usage",
        "wsgi_environ",
    }
    assert (
        second["response.payload"],
        second["wsgi_environ"],
        second["zato.http.response.headers"],
    ) == (
        "out",
        "(suppressed)",
        {},
    )
    records = [r for r in caplog.records if r.name.startswith("hansa.service.")]
    assert [r.getMessage().split("{")[0] for r in records] == ["came in ", "", "with a cid"]
    assert {r.funcName for r in records} == {"act"}


def test_time(cached: Any) -> None:
    found = seen(cached, "{}")
    assert datetime.datetime.strptime(found.time.utcnow(), "%Y-%m-%d %H:%M:%S")
    assert len(found.time.today()) == 10
    assert found.time.utcnow(needs_format=False).tzinfo is not None
    assert found.time.today("DD.MM", tz="Europe/Berlin")[2] == "."
    assert found.time.reformat("03-09-2013", "DD-MM-YYYY", "YYYY/MM") == "2013/09"
    assert math.isclose(
        found.time.utcnow_as_float(), datetime.datetime.now().timestamp(), abs_tol=60
    )
    cached.redis.set("kvdb:date-format:short", "DD.MM.YY")
    assert found.time.reformat("2013-09-03", "YYYY-MM-DD", "kvdb:short") == "03.09.13"
    with pytest.raises(ValueError, match="kvdb:date-format:long"):
        found.time.utcnow("kvdb:long")


def test_logger_is_a_logger(server: Facade) -> None:
    found = seen(server, "{}")
    assert found.logger.name == f"hansa.service.{found.name}"
    assert found.logger.handlers == []
    assert found.log is found.logger


class Adds(Service):
    """Has a method besides its handler."""

    name = "adds.up"

    class SimpleIO:
        input_required = ("a",)

    def add(self, number: int) -> tuple[int, str, str, str]:
        return number + 1, self.name, self.channel.type, self.cid

    def handle(self) -> None:
        raise AssertionError("it was not to be called")


def test_a_new_instance_of_another_service(server: Facade) -> None:
    found: list[Any] = []

    def act(self: Any) -> None:
        found.append(self.new_instance("adds.up").add(4))
        found.append(self.new_instance(Adds) is not self.new_instance(Adds))
        with pytest.raises(KeyError, match="nope"):
            self.new_instance("adds.nope")
        with pytest.raises(KeyError, match="no service of Zato's"):
            self.new_instance("zato.target.call")

    server.add(Adds)
    assert server.call(service(act), "{}", cid="K1").ok
    assert found == [(5, "adds.up", "new-instance", "K1"), True]
