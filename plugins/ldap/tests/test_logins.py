"""Logins that a real directory judges: by search and by template, with groups, over TLS."""

from __future__ import annotations

import base64
import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hansa import Refused, Request, Unavailable
from hansa_devkit import LocalServer
from hansa_ldap.connection import DirectoryConnection
from hansa_ldap.principal import DirectoryPrincipal
from hansa_ldap.security import Ldap

from plugins.ldap.tests.slapd import ALICE, GROUPS, PEOPLE, SERVICE, Slapd, make

WRITERS = f"cn=writers,{GROUPS}"
TEMPLATE = {
    "user_dn": f"uid={{username}},{PEOPLE}",
    "search_base": "",
    "bind_dn": "",
    "bind_password": None,
    "group_base": "",
}


@contextmanager
def running(directory: Slapd, **changes: Any) -> Iterator[Ldap]:
    one = make(directory.settings(**changes))
    one.start()
    try:
        yield one
    finally:
        one.stop()


def asking(username: str, password: str, peer: str = "10.0.0.1") -> Request:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return Request(headers={"authorization": f"Basic {pair}"}, peer=peer)


def refused(one: Ldap, username: str, password: str, peer: str = "10.0.0.9") -> Refused:
    with pytest.raises(Refused) as caught:
        one.authenticate(asking(username, password, peer))
    return caught.value


@pytest.fixture(scope="module")
def staff(directory: Slapd) -> Iterator[Ldap]:
    with running(directory) as one:
        yield one


def test_a_user_is_found_and_logs_in_and_has_its_groups(staff):
    found = staff.authenticate(asking("alice", "wonderland"))
    assert (found, found.definition, found.dn) == ("alice", "staff", ALICE)
    assert found.groups == ("R&D", "staff")
    assert copy.copy(found).groups == found.groups
    assert staff.authenticate(asking("bob", "builder")).groups == ("staff",)
    assert staff.authenticate(asking("zoë", "émigré")).groups == ()
    # as the directory has it, however it was typed
    assert staff.authenticate(asking("ALICE", "wonderland")) == "alice"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "Wonderland"),
        ("alice", "wonderland "),
        ("alice", "\u00ad"),
        ("alice", "builder"),
        ("nobody", "wonderland"),
        ("alice", "x" * 2000),
        ("x" * 300, "wonderland"),
        ("double", "one"),
        ("double", "two"),
        ("alice\x00", "wonderland"),
    ],
)
def test_wrong_credentials_are_refused_alike(staff, username, password):
    refusal = refused(staff, username, password, peer=f"10.1.{len(username)}.{len(password)}")
    assert refusal.detail == "the user name or the password is wrong"
    assert refusal.headers["WWW-Authenticate"] == 'Basic realm="hansa", charset="UTF-8"'


def test_the_password_of_nobody_is_judged_too(staff, monkeypatch):
    bind = DirectoryConnection.bind
    bound: list[str] = []

    def noted(connection: DirectoryConnection, dn: str, password: str) -> bool:
        bound.append(dn)
        return bind(connection, dn, password)

    monkeypatch.setattr(DirectoryConnection, "bind", noted)
    refused(staff, "nobody at all", "wonderland", peer="10.4.0.1")
    assert bound[-1].startswith("cn=") and bound[-1].endswith(f",{PEOPLE}")


@pytest.mark.parametrize("changes", [{}, TEMPLATE])
def test_an_empty_password_is_nobodys_login(directory, changes):
    # slapd accepts it, as an anonymous login, if it is asked (RFC 4513, section 5.1.2)
    with running(directory, **changes) as one:
        for username in ("alice", "", SERVICE):
            refused(one, username, "")


INJECTED = [
    "*",
    "a*",
    "alice)(uid=*",
    "alice)(|(uid=*",
    "*)(objectClass=*",
    "alice\\",
    "alice\\2a",
    "(alice)",
    f"alice,{PEOPLE}",
    f"bob,{PEOPLE}+uid=alice",
    "alice+cn=alice",
    "#616c696365",
    "alice;x",
    'alice"',
    "<alice>",
    "alice=x",
]


@pytest.mark.parametrize("changes", [{}, TEMPLATE])
def test_a_user_name_is_nothing_but_a_name(directory, changes):
    with running(directory, **changes) as one:
        for number, name in enumerate(INJECTED):
            refused(one, name, "wonderland", peer=f"10.3.0.{number}")
        assert one.authenticate(asking("alice", "wonderland")) == "alice"


def test_users_by_a_template_read_their_own_entry(directory):
    with running(directory, **TEMPLATE) as one:
        found = one.authenticate(asking("alice", "wonderland"))
        assert (found, found.dn, found.groups) == ("alice", ALICE, ())
        refused(one, "bob", "wonderland")
        assert one.authenticate(asking("zoë", "émigré")) == "zoë"


def test_groups_by_an_attribute_and_by_their_whole_name(directory):
    attribute = {"group_attribute": "businessCategory"}
    with running(directory, **attribute, group_base="") as one:
        assert one.authenticate(asking("alice", "wonderland")).groups == ("writers",)
        assert one.authenticate(asking("bob", "builder")).groups == ()
    with running(directory, **attribute, group_names="dn") as one:
        groups = one.authenticate(asking("alice", "wonderland")).groups
        assert groups == (f"cn=R&D,{GROUPS}", f"cn=staff,{GROUPS}", WRITERS)


def test_an_entry_without_the_attribute_that_names_it_lets_nobody_in(directory):
    with running(directory, name_attribute="mail") as one:
        refused(one, "alice", "wonderland")


@pytest.mark.evidence("tls")
@pytest.mark.parametrize("kind", ["ldaps", "StartTLS"])
def test_tls_verifies_the_directory(directory, kind):
    url = directory.secure_url if kind == "ldaps" else directory.url
    with running(directory, servers=[url]) as one:
        assert one.authenticate(asking("alice", "wonderland")) == "alice"
        assert one.ping() == f"answers: {url}"
    by_name = url.replace("127.0.0.1", "localhost")
    for changes in ({"tls_ca": ""}, {"servers": [by_name]}):
        with running(directory, **{"servers": [url], **changes}) as one:
            with pytest.raises(Unavailable):
                one.authenticate(asking("alice", "wonderland"))


def test_without_tls_only_where_that_is_set(directory):
    with running(directory, start_tls=False) as one:
        assert one.authenticate(asking("alice", "wonderland")) == "alice"


def test_a_success_is_remembered_for_its_time_and_a_failure_for_a_while(directory, monkeypatch):
    with running(directory, cache=60) as one:
        asked: list[str] = []
        login = one._directory.login

        def counted(user: str, password: str) -> DirectoryPrincipal | None:
            asked.append(user)
            return login(user, password)

        monkeypatch.setattr(one._directory, "login", counted)
        for _ in range(3):
            assert one.authenticate(asking("alice", "wonderland")) == "alice"
            refused(one, "bob", "guess")
        assert asked == ["alice", "bob"]
        now = time.monotonic()
        monkeypatch.setattr("hansa_ldap.security.monotonic", lambda: now + 61)
        one.authenticate(asking("alice", "wonderland"))
        refused(one, "bob", "guess")
        assert asked == ["alice", "bob", "alice", "bob"]


def test_a_directory_that_is_gone_is_an_outage_and_no_refusal(directory, real_server):
    with Slapd() as own:
        own.start()
        server = LocalServer()
        one = make(own.settings(cache=0, timeout=2, connect_timeout=1), server)
        one.start()
        try:
            assert one.authenticate(asking("alice", "wonderland")) == "alice"
            own.stop()
            for _ in range(2):
                with pytest.raises(Unavailable, match="does not answer") as caught:
                    one.authenticate(asking("alice", "wonderland"))
            assert caught.value.status == 503
            own.start()
            assert one.authenticate(asking("alice", "wonderland")) == "alice"
        finally:
            one.stop()


def test_the_next_server_is_asked_when_one_does_not_answer(directory):
    silent = "ldap://127.0.0.1:1"
    with running(directory, servers=[silent, directory.url]) as one:
        assert one.authenticate(asking("alice", "wonderland")) == "alice"


def test_the_account_that_searches_must_log_in(directory):
    with running(directory, bind_password="wrong") as one:
        with pytest.raises(Unavailable, match="does not answer"):
            one.authenticate(asking("alice", "wonderland"))
        with pytest.raises(Unavailable, match="refuses the login of cn=hansa"):
            one.ping()


def test_who_guesses_is_held_up_and_nobody_else(directory):
    with running(directory) as one:
        for number in range(10):
            spelled = ("bob", "BOB", " Bob ", "b\uff4fb")[number % 4]
            refused(one, spelled, f"guess {number}", peer="10.9.0.1")
        held = refused(one, "bob", "builder", peer="10.9.0.1")
        assert int(held.headers["Retry-After"]) > 0
        assert one.authenticate(asking("bob", "builder", peer="10.9.0.2")) == "bob"
        assert one.authenticate(asking("alice", "wonderland", peer="10.9.0.1")) == "alice"


def test_what_was_right_before_is_not_held_up(directory):
    with running(directory, cache=0) as one:
        assert one.authenticate(asking("bob", "builder", peer="10.9.0.3")) == "bob"
        for number in range(11):
            held = refused(one, "bob", f"guess {number}", peer="10.9.0.3")
        assert "Retry-After" in held.headers
        assert one.authenticate(asking("bob", "builder", peer="10.9.0.3")) == "bob"
