"""Sessions by themselves: when they end, what is stored, and how workers learn of each other's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hansa import Journal, JournalRecord, Refused, Request, Unavailable
from hansa_devkit.local.journal import LocalJournal
from hansa_roles.permitted import patterns_of
from hansa_roles.session import Session, SessionPrincipal, digest_of, new_token, proof_of, token_in
from hansa_roles.sessions import PER_USER, UNKNOWN, Lifetimes, Sessions

LIFETIMES = Lifetimes(idle=1800.0, maximum=43_200.0, confirm_after=300.0)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal() -> LocalJournal:
    return LocalJournal()


@pytest.fixture
def sessions(journal: LocalJournal, clock: Clock) -> Sessions:
    return Sessions(lambda: journal, LIFETIMES, clock)


def maker(clock: Clock, user: str = "olga") -> Callable[[str], Session]:
    def make(token: str) -> Session:
        digest = digest_of(token)
        principal = SessionPrincipal(user, "staff", ("ops",), digest)
        return Session(
            digest=digest,
            principal=principal,
            account="olga",
            began=clock.now,
            revision=7,
            proof="",
            address="192.0.2.7",
            agent="curl",
        )

    return make


def test_a_token_is_stored_nowhere(sessions: Sessions, journal: LocalJournal, clock: Clock):
    token, session = sessions.begin(maker(clock))
    assert token.startswith("hansa-session-") and len(token) == len("hansa-session-") + 43
    stored = "".join(record.text for record in journal.records)
    assert token not in stored and token.removeprefix("hansa-session-") not in stored
    assert digest_of(token) in stored
    live = sessions.find(token)
    assert live is not None and live.session == session
    assert live.session.principal.groups == ("ops",)


def test_workers_know_the_sessions_of_others_and_learn_of_their_end(
    sessions: Sessions, journal: LocalJournal, clock: Clock
):
    other = Sessions(lambda: journal, LIFETIMES, clock)
    token, session = sessions.begin(maker(clock))
    assert other.find(token) is not None, "at once, as the client may go there next"
    assert sessions.end(session.digest)
    assert not sessions.end(session.digest), "once"
    assert sessions.find(token) is None
    clock.now += 1.0
    assert other.find(token) is None, "within a second"
    assert Sessions(lambda: journal, LIFETIMES, clock).find(token) is None


@pytest.mark.parametrize("seconds", [1800.0, 43_200.0])
def test_a_session_ends_by_itself(sessions: Sessions, clock: Clock, seconds: float):
    began = clock.now
    token, _ = sessions.begin(maker(clock))
    if seconds == LIFETIMES.maximum:
        while clock.now < began + seconds - 60:
            clock.now += 60
            live = sessions.find(token)
            assert live is not None
            sessions.use(live)
    clock.now = began + seconds - 1
    assert sessions.find(token) is not None
    clock.now = began + seconds
    assert sessions.find(token) is None
    assert sessions.all() == []


def test_a_use_at_one_worker_keeps_the_session_at_all(
    sessions: Sessions, journal: LocalJournal, clock: Clock
):
    other = Sessions(lambda: journal, LIFETIMES, clock)
    token, _ = sessions.begin(maker(clock))
    assert other.find(token) is not None
    for _ in range(100):
        clock.now += 30
        live = sessions.find(token)
        assert live is not None
        sessions.use(live)
    assert other.find(token) is not None
    assert len(journal.records) <= 1 + 50, "a use is written down once a minute"


def test_the_journal_keeps_no_more_than_what_has_not_ended(
    sessions: Sessions, journal: LocalJournal, clock: Clock
):
    for _ in range(10):
        sessions.begin(maker(clock))
        clock.now += LIFETIMES.idle
    assert len(journal.records) <= 2


def test_a_user_has_so_many_sessions_and_no_more(sessions: Sessions, clock: Clock):
    tokens = []
    for _ in range(PER_USER + 2):
        clock.now += 1
        tokens.append(sessions.begin(maker(clock))[0])
    guest, _ = sessions.begin(maker(clock, "guest"))
    assert [sessions.find(token) is None for token in tokens[:3]] == [True, True, False]
    assert sessions.find(guest) is not None
    assert len(sessions.all()) == PER_USER + 1


def test_tokens_that_nobody_has_are_looked_for_so_many_times_and_no_more(
    journal: LocalJournal, clock: Clock
):
    looks: list[int] = []

    class Watched(LocalJournal):
        def read(self, *, after: int = 0, limit: int = 1000) -> list[JournalRecord]:
            looks.append(after)
            return journal.read(after=after, limit=limit)

    watched = Watched()
    sessions = Sessions(lambda: watched, LIFETIMES, clock)
    elsewhere = Sessions(lambda: journal, LIFETIMES, clock)
    known, _ = elsewhere.begin(maker(clock))
    assert sessions.find(known, "192.0.2.7") is not None
    looks.clear()
    ended = new_token()
    for _ in range(1000):
        assert sessions.find(ended, "192.0.2.7") is None
    assert len(looks) == 1, "it is remembered"
    held_up = 0
    for _ in range(1000):
        try:
            assert sessions.find(new_token(), "192.0.2.7") is None
        except Refused as refused:
            held_up += 1
            assert refused.headers["Retry-After"] == "1" and "WWW-Authenticate" in refused.headers
    assert len(looks) == UNKNOWN.burst and held_up == 1000 - UNKNOWN.burst + 1
    assert sessions.find(known, "192.0.2.7") is not None, "who is known is not held up"
    assert sessions.find(new_token(), "192.0.2.8") is None, "nor is another address"
    fresh, _ = elsewhere.begin(maker(clock))
    with pytest.raises(Refused):
        sessions.find(fresh, "192.0.2.7")
    clock.now += 1.0
    assert sessions.find(fresh, "192.0.2.7") is not None, "a second later"


class Away(Journal):
    """A journal that cannot be reached."""

    def append(self, compose: object, *, drop_through: int = 0) -> JournalRecord:
        raise Unavailable("away")

    def read(self, *, after: int = 0, limit: int = 1000) -> list[JournalRecord]:
        raise Unavailable("away")

    def read_back(self, *, before: int = 0, limit: int = 1000) -> list[JournalRecord]:
        raise Unavailable("away")


def test_without_the_odb_known_sessions_go_on_and_nobody_else_comes_in(clock: Clock):
    stores: list[Journal] = [LocalJournal()]
    sessions = Sessions(lambda: stores[-1], LIFETIMES, clock)
    token, session = sessions.begin(maker(clock))
    stores.append(Away())
    clock.now += 600
    live = sessions.find(token)
    assert live is not None
    sessions.use(live)
    for refused in (
        lambda: sessions.find("hansa-session-" + "A" * 43),
        lambda: sessions.begin(maker(clock)),
        lambda: sessions.end(session.digest),
    ):
        with pytest.raises(Unavailable):
            refused()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer hansa-session-",
        "Bearer hansa-session-" + "A" * 42,
        "Bearer hansa-session-" + "A" * 44,
        "Bearer hansa-session-" + "A" * 42 + "\x00",
        "Bearer hansa-session-" + "A" * 42 + "é",
        "Bearer hansa-session-" + "A" * 43 + " " + "B" * 43,
        "Bearer hansa-session-" + "A" * 43 + " " * 2000,
        "Bearer hansa-session-" + "A" * 100_000,
    ],
)
def test_malformed_tokens_are_refused_by_the_same_words(header: str):
    with pytest.raises(Refused) as caught:
        token_in(Request(headers={"authorization": header}))
    assert caught.value.detail == "the session has ended, or never was"
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("header", ["", "Basic aGFuc2E6", "Bearer 0123456789", "bearer"])
def test_other_credentials_are_left_to_others(header: str):
    assert token_in(Request(headers={"authorization": header})) is None


def test_a_proof_needs_the_token():
    assert proof_of("token", "password") == proof_of("token", "password")
    assert proof_of("token", "password") != proof_of("other", "password")


def test_patterns_say_exactly_what_is_allowed():
    allowed = ["admin.a.x.get", "admin.a.x.list", "admin.a.y.get", "admin.b.get", "admin.c"]
    refused = ["admin.a.x.edit", "admin.a.y.edit", "admin.d.get"]
    found = patterns_of(allowed, refused)
    assert found == ["admin.a.*.get", "admin.*.list", "admin.b.*", "admin.c"]
    assert patterns_of(allowed, []) == ["admin.*"]
    assert patterns_of([], refused) == []
