"""Logins to Keystone v3, by a strict stand-in of its token API, in front of the real Swift."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hansa import Definition, Login, Secret, Unavailable, load
from hansa_devkit import LocalServer
from hansa_swift.outgoing import SwiftOutgoing
from hansa_swift.settings import SwiftSendingSettings

from plugins.swift.tests.keystone import Keystone


@pytest.fixture
def keystone(peer):
    with Keystone(peer) as keystone:
        yield keystone
        assert keystone.faults == []


@pytest.fixture
def open_store():
    opened = []

    def give(settings, server=None):
        config = load(SwiftSendingSettings, settings)
        store = SwiftOutgoing("N", config, server or LocalServer())
        opened.append(store)
        store.start()
        return store

    yield give
    for store in opened:
        store.stop()


CREDENTIAL = {"auth_type": "v3applicationcredential", "username": "c0ffee", "project": ""}


@pytest.mark.parametrize("changes", [{}, {"project": "", "project_id": "b1"}, CREDENTIAL])
def test_all_logins_reach_the_store(keystone, open_store, changes):
    store = open_store({**keystone.settings, **changes})
    store.put("k", b"content")
    assert store.read("k") == b"content" and store.ping()
    assert keystone.logins == 1


def test_an_address_without_a_version_does_too(keystone, open_store):
    settings = {**keystone.settings, "auth_url": keystone.address.removesuffix("/v3")}
    assert open_store(settings).ping()


def test_one_token_serves_all_connections_and_is_renewed_before_it_ends(keystone, open_store):
    store = open_store(keystone.settings)
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda n: store.put(f"k{n}", b""), range(40)))
    assert keystone.logins == 1
    keystone.lifetime = timedelta(seconds=5)  # it ends so soon that it is never used twice
    short = open_store(keystone.settings)
    before = keystone.logins
    short.put("k", b"1")
    short.put("k", b"2")
    assert keystone.logins >= before + 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "wrong-one"}, "check the settings username and password, user_domain"),
        ({"user_domain": "Other"}, "user_domain and project"),
        ({"project": "other"}, "user_domain and project"),
        ({"region": "RegionThree"}, "check the settings region"),
        ({"interface": "internal"}, "check the settings region, interface"),
        ({"region": "RegionTwo"}, "check the setting"),
        ({**CREDENTIAL, "password": "wrong-one"}, "check the settings username and password"),
    ],
)
def test_a_refusal_names_the_setting_to_change(keystone, open_store, changes, told):
    with pytest.raises(Unavailable, match=told) as caught:
        open_store({**keystone.settings, **changes})
    assert "wrong-one" not in f"{caught.value} {caught.value.reason}"


class Basic(Definition):
    """A security definition that supplies a login."""

    type = "basic"

    def login(self):
        return Login(username="hansa", password=Secret("right"))


def test_the_login_may_come_from_a_security_definition(keystone, open_store):
    settings = {**keystone.settings, "security": "user"}
    del settings["username"], settings["password"]
    server = LocalServer(security={"user": Basic("user", None, LocalServer())})
    store = open_store(settings, server)
    assert list(SwiftOutgoing.logins(store.config)) == ["user"]
    assert store.ping() and keystone.logins == 1
