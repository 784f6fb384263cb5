"""Tokens that are accepted and refused: times, nonces, passwords, and whatever is ambiguous."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import FileRecords, Invalid, Refused, Request, Unavailable, load
from hansa_devkit import LocalServer
from hansa_devkit.local.bus import LocalBus
from hansa_security.throttle import Throttle
from hansa_wss.faults import FailedAuthentication, InvalidSecurity
from hansa_wss.moments import read_moment, write_moment
from hansa_wss.passwords import digest_of
from hansa_wss.security import Wss
from hansa_wss.settings import WssSettings
from hypothesis import given, settings as examples, strategies as st

from plugins.wss.tests.envelopes import (
    PROFILE,
    SOAP_12,
    envelope,
    moment,
    security,
    timestamp,
    token,
)

Count = Callable[[str, float], int]
WRONG = (FailedAuthentication, "the security token could not be authenticated")
UNREADABLE = (InvalidSecurity, "a valid Security header with one UsernameToken is required")


def make(server: LocalServer | None = None, name: str = "partner", **settings: Any) -> Wss:
    given = {"username": "alice", "password": "secret word", "password_type": "digest", **settings}
    config = Wss.prepare(load(WssSettings, given))
    return Wss(name, config, server or LocalServer(resources=[Throttle()]))


def call(wss: Wss, content: str, peer: str = "192.0.2.7", namespace: str = "") -> object:
    raw = (
        envelope(security(content), namespace=namespace)
        if namespace
        else envelope(security(content))
    )
    return wss.authenticate(Request(raw, peer=peer))


def refused(wss: Wss, content: str, expected: tuple[type[Refused], str], why: str = "") -> None:
    with pytest.raises(expected[0]) as caught:
        call(wss, content)
    assert caught.value.detail == expected[1]
    assert caught.value.headers == {
        "WWW-Authenticate": 'WSSE realm="hansa", profile="UsernameToken"'
    }
    assert why in caught.value.reason


def test_the_digest_is_that_of_the_profile() -> None:
    """The digest was made by openssl of the bytes nonce-of-16-byte, the time, and the password."""
    created = "2026-11-29T12:00:00Z"
    literal = (
        f'<w:UsernameToken u:Id="t-1"><w:Username>alice</w:Username><w:Password Type="{PROFILE}'
        '#PasswordDigest">PDSsp7iI5difMMih9gc7VPqZCIY=</w:Password><w:Nonce>bm9uY2Utb2YtMTYtYnl0ZQ==</w:Nonce>'
        f"<u:Created>{created}</u:Created></w:UsernameToken>"
    )
    wss = make(reject_stale_tokens=False)
    assert (
        digest_of(b"nonce-of-16-byte", created, "secret word").hex()
        == "3c34aca7b888e5d89f30c8a1f6073b54fa990886"
    )
    assert call(wss, literal) == "alice"
    refused(wss, literal, WRONG, "used before")


@pytest.mark.parametrize("namespace", ["", SOAP_12])
def test_right_tokens(namespace: str) -> None:
    wss = make()
    assert call(wss, token(as_digest=True), namespace=namespace) == "alice"
    spaced = token(as_digest=True).replace("<u:Created>", "<u:Created>\n  ")
    assert call(wss, spaced, namespace=namespace) == "alice"
    text = make(password_type="clear_text", password="a<b> &amp;c")
    assert text.config.password.startswith("$argon2id$")
    assert call(text, token(password="a<b> &amp;c"), namespace=namespace) == "alice"


def test_a_token_counts_once_and_another_of_the_same_nonce_neither() -> None:
    wss = make()
    nonce = os.urandom(16)
    assert call(wss, token(as_digest=True, nonce=nonce)) == "alice"
    refused(wss, token(as_digest=True, nonce=nonce), WRONG, "used before")
    refused(wss, token(as_digest=True, nonce=nonce, created=moment(-5)), WRONG, "used before")
    # one that was wrong has not used the nonce up
    other = os.urandom(16)
    refused(wss, token(as_digest=True, nonce=other, password="guess"), WRONG, "is wrong")
    assert call(wss, token(as_digest=True, nonce=other)) == "alice"


def test_a_nonce_is_used_in_all_workers_of_a_server_and_all_its_definitions(tmp_path: Path) -> None:
    workers = [LocalServer(directory=tmp_path, resources=[Throttle()]) for _ in range(2)]
    sent = token(as_digest=True)
    assert call(make(workers[0]), sent) == "alice"
    refused(make(workers[1]), sent, WRONG, "used before")
    refused(make(workers[1], "other"), sent, WRONG, "used before")
    # of several workers that get it at the same moment one takes it
    sent = token(as_digest=True)
    outcomes: list[object] = []

    def use(wss: Wss) -> None:
        try:
            outcomes.append(call(wss, sent))
        except FailedAuthentication:
            outcomes.append(None)

    threads = [threading.Thread(target=use, args=(make(worker),)) for worker in workers * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None"] * 7 + ["alice"]


class Counting(FileRecords):
    """Records that count by a function of the name and the seconds."""

    def __init__(self, count: Count) -> None:
        super().__init__(Path("none"))
        self._count = count

    def claim(self, name: str, seconds: float) -> bool:
        return self._count(name, seconds) == 1


class CountingBus(LocalBus):
    def __init__(self, count: Count) -> None:
        super().__init__("test")
        self._records = Counting(count)

    def records(self, namespace: str) -> Counting:
        return self._records


def with_counter(count: Count) -> LocalServer:
    return LocalServer(bus=CountingBus(count), resources=[Throttle()])


def test_nonces_that_cannot_be_checked_admit_nobody() -> None:
    def unreachable(name: str, seconds: float) -> int:
        raise ConnectionError("redis://:password@host")

    server = with_counter(unreachable)
    with pytest.raises(Unavailable) as caught:
        call(make(server), token(as_digest=True))
    assert "redis" not in caught.value.detail and "redis" in caught.value.reason


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: token("bob", as_digest=True), "is wrong"),
        (lambda: token(password="Secret", as_digest=True), "is wrong"),
        (lambda: token(), "is wrong"),
        (lambda: token(as_digest=True).replace("alice", " alice"), "is wrong"),
        (lambda: token(as_digest=True, created=moment(-310)), "too old"),
        (lambda: token(as_digest=True, created=moment(70)), "future"),
        (lambda: token(as_digest=True) + timestamp(moment(-20), moment(-10)), "expired"),
        (lambda: token(as_digest=True) + timestamp(moment(70), moment(90)), "future"),
    ],
)
def test_wrong_tokens(made: Callable[[], str], why: str) -> None:
    refused(make(), made(), WRONG, why)


@pytest.mark.parametrize(
    "made",
    [
        lambda: token(as_digest=True, created=moment(-290)),
        lambda: token(as_digest=True, created=moment(50)),
        lambda: token(as_digest=True, created=moment()[:-1]),
        lambda: token(as_digest=True, created=moment(7200).replace("Z", "+02:00")),
        lambda: token(as_digest=True, created=moment().replace("Z", ".123456789Z")),
        lambda: token(as_digest=True) + timestamp(moment(), moment(10)),
        lambda: timestamp(moment(-1000)) + token(as_digest=True),
    ],
)
def test_times_within_limits(made: Callable[[], str]) -> None:
    assert call(make(), made()) == "alice"


RIGHT = token(as_digest=True)


@pytest.mark.parametrize(
    "content",
    [
        "",
        RIGHT + RIGHT,
        RIGHT + timestamp(moment()) + timestamp(moment()),
        RIGHT + timestamp("tomorrow"),
        RIGHT + "<w:BinarySecurityToken>AAAA</w:BinarySecurityToken>",
        RIGHT + '<d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"/>',
        token("", as_digest=True),
        token(password=""),
        token(as_digest=True, nonce=b""),
        token(as_digest=True, created=""),
        token(as_digest=True, created="2026-11-29"),
        token(as_digest=True, created="2026-13-29T12:00:00Z"),
        token(as_digest=True, created="2026-11-29T12:00:00+99:99"),
        token(as_digest=True, nonce=b"x" * 2000),
        token("a" * 1025, as_digest=True),
        token(password="a" * 1025),
        token(as_digest=True, more="<w:Username>alice</w:Username>"),
        token(as_digest=True, more="<w:Nonce>AAAA</w:Nonce>"),
        token(as_digest=True, more="<w:Salt>AAAA</w:Salt>"),
        token(as_digest=True).replace("alice", "<b>alice</b>"),
        token(as_digest=True).replace("<w:Nonce>", "<w:Nonce>="),
        token(as_digest=True).replace("<w:Nonce>", '<w:Nonce EncodingType="hex">'),
        token(as_digest=True).replace("#PasswordDigest", "#PasswordOther"),
        token(as_digest=True).replace("<u:Created>", "<w:Created>").replace("</u:C", "</w:C"),
        "&entity;",
        "<unclosed>",
    ],
)
def test_headers_that_cannot_be_used(content: str) -> None:
    wss = make()
    refused(wss, content, UNREADABLE)
    assert call(wss, token(as_digest=True)) == "alice"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"<a/>",
        envelope(""),
        envelope(security(RIGHT) + security(RIGHT)),
        envelope(security(RIGHT, 's:actor="urn:somebody-else"')),
        envelope(
            security(RIGHT) + security("", 's:actor="http://schemas.xmlsoap.org/soap/actor/next"')
        ),
        envelope("").replace(b"<s:Body>", b"<s:Body>" + security(RIGHT).encode()),
        b'<!DOCTYPE a [<!ENTITY e "alice">]>' + envelope(security(RIGHT)),
        envelope(security(RIGHT), namespace="urn:soap"),
        envelope(security("<a>" * 200 + "</a>" * 200)),
    ],
)
def test_messages_without_one_security_header(raw: bytes) -> None:
    with pytest.raises(InvalidSecurity) as caught:
        make().authenticate(Request(raw, peer="192.0.2.7"))
    assert caught.value.detail == UNREADABLE[1]


def test_settings_that_accept_more() -> None:
    lenient = make(reject_empty_nonce_creat=False, password_type="clear_text")
    bare = token(nonce=b"", created="")
    assert call(lenient, bare) == call(lenient, bare) == "alice"
    # what is there is checked all the same
    refused(lenient, token(nonce=b"", created=moment(-310)), WRONG, "too old")
    once = token(created="")
    assert call(lenient, once) == "alice"
    refused(lenient, once, WRONG, "used before")
    forever = make(reject_stale_tokens=False)
    assert call(forever, token(as_digest=True, created=moment(-100_000))) == "alice"
    refused(forever, token(as_digest=True, created=moment(100_000)), WRONG, "future")


def test_nonces_are_remembered_at_least_as_long_as_tokens_are_accepted() -> None:
    asked: list[float] = []

    def count(name: str, seconds: float) -> int:
        asked.append(seconds)
        return 1

    server = with_counter(count)
    lifetimes: list[dict[str, Any]] = [
        {},
        {"nonce_freshness_time": 900},
        {"reject_stale_tokens": False},
    ]
    for changed in lifetimes:
        call(make(server, **changed), token(as_digest=True))
    assert asked == [360, 900, 300]


def test_who_guesses_is_held_up_and_who_is_known_is_not() -> None:
    wss = make()
    for _ in range(10):
        refused(wss, token(password="guess", as_digest=True), WRONG)
    with pytest.raises(Refused, match="too many") as caught:
        call(wss, token(as_digest=True))
    assert int(caught.value.headers["Retry-After"]) > 0
    assert call(wss, token(as_digest=True), peer="192.0.2.8") == "alice"
    # a long random password is not to be guessed
    strong = make(password="Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP")
    for _ in range(11):
        refused(strong, token(password="guess", as_digest=True), WRONG)


def test_settings_that_cannot_work() -> None:
    hashed = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"username": "a\nb"}, {"username"}),
        ({"password": "\ufffe"}, {"password"}),
        ({"password": ""}, {"password"}),
        ({"password": "secret"}, {"password"}),
        ({"password": "alice2026", "password_type": "clear_text"}, {"password"}),
        ({"password": hashed}, {"password"}),
        ({"password": hashed, "password_type": "clear_text", "signs": True}, {"password"}),
        ({"username": "", "nonce_freshness_time": 0}, {"username", "nonce_freshness_time"}),
    ]
    for changed, names in cases:
        with pytest.raises(Invalid) as caught:
            make(**changed)
        assert set(caught.value.errors) == names
    assert make(password=hashed, password_type="clear_text").config.password == hashed


def test_a_weak_password_that_a_partner_has_chosen_is_only_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "hansa.security"):
        make(password="secret", signs=True)
    assert "a secret of the security definition partner is weak" in caplog.text


@given(st.floats(0, 4e9))
def test_moments_are_read_as_they_are_written(seconds: float) -> None:
    assert abs(read_moment(write_moment(seconds)) - seconds) < 0.002


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        assert isinstance(read_moment(text), float)
    except ValueError:
        assert text not in ("2026-11-29T12:00:00Z",)


MANGLED = make(reject_stale_tokens=False, reject_empty_nonce_creat=False)
WHOLE = envelope(security(token(as_digest=True) + timestamp(moment())))
START = WHOLE.index(b"<w:Security")
END = WHOLE.index(b"</s:Header>")
PIECES = [
    b"",
    b"<",
    b"/>",
    b"&#0;",
    b"&amp;",
    b"\xff",
    b'"',
    b"<w:Nonce/>",
    b"<!--x-->",
    b"]]>",
    b":",
]


@examples(max_examples=75, deadline=None)
@given(
    st.integers(START, END),
    st.integers(0, 60),
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)),
    st.integers(0, 40),
)
def test_a_mangled_header_is_refused_or_is_still_right(
    start: int, length: int, piece: bytes, repeated: int
) -> None:
    end = min(start + length, END)
    raw = WHOLE[:start] + piece + WHOLE[start - repeated : start] + WHOLE[end:]
    try:
        principal = MANGLED.authenticate(Request(raw, peer="192.0.2.7"))
    except Refused as refused:
        assert refused.status == 401 and b"alice" in WHOLE
    else:
        assert principal == "alice"
