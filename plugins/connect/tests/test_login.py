"""Logins: given in the settings, or supplied by a security definition, never by both."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Channel, HansaError, Invalid, Login, Outgoing, Secret, Unavailable, load
from hansa_connect.login import ChannelLogin, LoggedIn, LoginSettings, OutgoingLogin
from hansa_connect.tls import TlsSettings
from hansa_devkit import LocalServer
from hypothesis import given, strategies as st

PASSWORD = Login(username="ada", password=Secret("engine"))
TOKEN = Login(token=Secret("t0ken"))
CERTIFICATE = Login(username="ada", certificate="/a.crt", key="/a.key")


class Sending(TlsSettings, OutgoingLogin, LoginSettings):
    """Settings of an outgoing connection."""


class Watching(ChannelLogin, LoginSettings):
    """Settings of a channel."""


class Sender(LoggedIn[Sending], Outgoing[Sending]):
    """Logs in by whatever is supplied."""

    type = "sender"
    login_means = ("password", "token", "certificate")


class Watcher(LoggedIn[Watching], Channel[Watching]):
    """Logs in by a password."""

    type = "watcher"


def supplying(login: Login) -> Any:
    """A security definition."""
    return SimpleNamespace(login=lambda: login)


def sender(login: Login, **settings: object) -> Sender:
    config = load(Sending, {"security": "partner", **settings})
    return Sender("s", config, LocalServer(security={"partner": supplying(login)}))


@given(
    source=st.sampled_from([(Sending, "security"), (Watching, "login")]),
    name=st.sampled_from(["", "partner"]),
    username=st.sampled_from(["", "ada"]),
    password=st.sampled_from([None, "", "engine"]),
)
def test_a_login_given_twice_is_a_fault_that_names_both(source, name, username, password):
    model, setting = source
    given = {"username": username, "password": password, setting: name}
    own = {key for key in ("username", "password") if given[key] not in (None, "")}
    if password == "":
        own.add("password")
    if not name or not own:
        assert load(model, given).username == username
        return
    with pytest.raises(Invalid) as caught:
        load(model, given)
    assert caught.value.errors.keys() == own | {setting}
    assert all(each in caught.value.errors[setting] for each in own)
    assert all(setting in caught.value.errors[each] for each in own)


def test_without_a_security_definition_the_settings_are_used_as_they_are():
    config = load(Sending, {"username": "bob", "password": "b"})
    one = Sender("s", config, LocalServer())
    assert one.connection_config is config
    assert list(Sender.logins(config)) == []


def test_a_user_name_and_a_password_are_supplied():
    one = sender(PASSWORD, host="h")
    found = one.connection_config
    assert (found.host, found.username, found.password) == ("h", "ada", "engine")
    assert list(Sender.logins(one.config)) == ["partner"]
    assert one.config.username == ""


def test_a_token_is_sent_as_the_password():
    found = sender(TOKEN).connection_config
    assert (found.username, found.password) == ("", "t0ken")


def test_a_certificate_goes_into_the_settings_of_tls():
    found = sender(CERTIFICATE, tls=True).connection_config
    assert (found.tls_certificate, found.tls_key) == ("/a.crt", "/a.key")
    assert (found.username, found.password) == ("ada", None)


@pytest.mark.parametrize(
    ("settings", "faulty"),
    [
        ({}, "tls"),
        ({"tls": True, "tls_certificate": "/b.crt", "tls_key": "/b.key"}, "tls_certificate"),
    ],
)
def test_a_certificate_needs_tls_and_no_other_certificate(settings, faulty):
    with pytest.raises(Invalid) as caught:
        _ = sender(CERTIFICATE, **settings).connection_config
    assert list(caught.value.errors) == [faulty]
    assert "security" in caught.value.errors[faulty]


@pytest.mark.parametrize(("login", "means"), [(TOKEN, "token"), (CERTIFICATE, "certificate")])
def test_a_login_that_the_protocol_does_not_have_is_refused(login, means):
    config = load(Watching, {"login": "partner"})
    one = Watcher("w", config, LocalServer(security={"partner": supplying(login)}))
    with pytest.raises(Invalid) as caught:
        _ = one.connection_config
    assert caught.value.errors == {
        "login": f"'partner' supplies a {means}; watcher takes a password"
    }


def test_all_connections_of_an_object_log_in_alike():
    partner = supplying(PASSWORD)
    server = LocalServer(security={"partner": partner})
    one = Sender("s", load(Sending, {"security": "partner"}), server)
    before = one.connection_config
    partner.login = lambda: replace(PASSWORD, username="other")
    assert one.connection_config is before
    assert Sender("s", one.config, server).connection_config.username == "other"


def test_each_connection_logs_in_with_the_token_of_its_time():
    partner = supplying(TOKEN)
    server = LocalServer(security={"partner": partner})
    one = Sender("s", load(Sending, {"security": "partner"}), server)
    assert one.connection_config.password == TOKEN.token
    partner.login = lambda: replace(TOKEN, token=Secret("the next one"))
    assert one.connection_config.password == "the next one"


def test_what_the_security_definition_raises_comes_through():
    def fail() -> Login:
        raise Unavailable("it is away")

    server = LocalServer(security={"partner": SimpleNamespace(login=fail)})
    with pytest.raises(HansaError, match="it is away"):
        _ = Sender("s", load(Sending, {"security": "partner"}), server).connection_config


class Authorities:
    """A definition of authorities, as a server has it."""

    def authorities(self) -> str:
        return "/proc/ca.pem"


def test_names_of_definitions_become_files():
    server = LocalServer(security={"trusted": Authorities(), "own": supplying(CERTIFICATE)})
    config = load(Sending, {"tls": True, "tls_ca": "trusted", "tls_certificate": "own"})
    assert list(Sender.logins(config)) == ["trusted", "own"]
    found = Sender("s", config, server).connection_config
    assert (found.tls_ca, found.tls_certificate, found.tls_key) == (
        "/proc/ca.pem",
        "/a.crt",
        "/a.key",
    )
    by_path = load(Sending, {"tls_ca": "./ca.pem"})
    assert not list(Sender.logins(by_path))
    assert Sender("s", by_path, server).connection_config is by_path


def test_what_names_a_definition_has_no_key_beside_it():
    with pytest.raises(Invalid, match="tls_key: the definition that tls_certificate names"):
        load(Sending, {"tls_certificate": "own", "tls_key": "/a.key"})
    server = LocalServer(security={"own": supplying(TOKEN)})
    with pytest.raises(Invalid, match="supplies a token and no certificate"):
        _ = Sender("s", load(Sending, {"tls_certificate": "own"}), server).connection_config
