"""What the tests of the scheduler share: a clock that is set, a runner without its watching thread,
a worker's facade.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import redis
from hansa import NotFound, Outcome, Request, Response, Server, Unavailable
from hansa_devkit.servers_redis import Valkey
from hansa_scheduler.runner import Clock, Runner
from hansa_scheduler.times import Times
from redis.backoff import NoBackoff
from redis.retry import Retry

START = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return a time of the tests' clock."""
    return START + timedelta(seconds=seconds)


class SetClock(Clock):
    """A clock that stands until it is moved."""

    def __init__(self, moment: datetime = START) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class Driven(Runner):
    """A runner whose list is worked through when a test says so, at the times the test says."""

    clock: SetClock

    def open(self) -> None:
        pass

    def settle(self) -> None:
        with self.lock:
            assert self.lock.wait_for(lambda: not self.busy, 10), "work did not end"

    def run_until(self, moment: datetime) -> None:
        """Let time pass: stop at everything that is due, and wait for the work it causes."""
        while True:
            self.tick()
            self.settle()
            following = self.due.get_next_run()
            if following is None or following > moment:
                break
            self.clock.moment = max(following, self.clock.moment)
        self.clock.moment = moment
        self.tick()
        self.settle()

    @staticmethod
    def seconds_of(moment: str) -> float:
        """Seconds from the start of the tests' clock to a time in ISO 8601."""
        return (datetime.fromisoformat(moment) - START).total_seconds()

    def run_for(self, seconds: float) -> None:
        self.run_until(self.clock.moment + timedelta(seconds=seconds))


class Facade:
    """What the scheduler uses of a worker."""

    def __init__(self, directory, client=None) -> None:
        self.dir, self.client = directory, client
        self.grace = 5.0
        self.bus = SimpleNamespace(key=lambda *parts: ":".join(("hansa", "test", *parts)))
        self.definitions = SimpleNamespace(get=self._definition)
        self.defined: dict[str, dict] = {}
        self.handled: list[tuple] = []
        self.runner: Runner | None = None

    @property
    def as_server(self) -> Server:
        """This, for what asks for a whole server and uses no other part of it."""
        return cast(Server, self)

    @property
    def redis(self):
        if self.client is None:
            raise Unavailable("there is no Redis")
        return self.client

    def resource(self, wanted):
        assert wanted is Runner
        return self.runner

    def _definition(self, kind, type, name):
        if name not in self.defined:
            raise NotFound(name)
        return SimpleNamespace(data=self.defined[name])

    def handle(self, name, request, **options):
        self.handled.append((name, request, options))
        return Response("handled", cid=request.cid)


class Calls(list):
    """A dispatch that notes each request and answers as it is told: `outcomes` one by one, then
    done.
    """

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__()
        self.outcomes = list(outcomes)

    def __call__(self, request: Request) -> Response:
        self.append(request)
        response = Response(cid=request.cid)
        response.outcome = self.outcomes.pop(0) if self.outcomes else "done"
        if response.outcome != "done":
            response.error = Unavailable("the back end is down")
        return response

    @property
    def planned(self) -> list[datetime]:
        return [datetime.fromisoformat(request.extra["planned"]) for request in self]


class QuickValkey(Valkey):
    """One that does not wait for the disk with each command."""

    def __init__(self) -> None:
        super().__init__(appendfsync="everysec")


def client_of(valkey: Valkey) -> redis.Redis:
    """A client of a Valkey, which fails at once when that is away."""
    return redis.Redis.from_url(valkey.address, decode_responses=True, retry=Retry(NoBackoff(), 1))


def walk(times: Times, after: datetime, until: datetime) -> list[datetime]:
    """Return the planned times in between, found one by one."""
    found = []
    moment = times.after(after)
    while moment is not None and moment <= until:
        found.append(moment)
        moment = times.after(moment)
    return found
