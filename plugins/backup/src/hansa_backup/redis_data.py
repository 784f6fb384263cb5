"""The keys of a cluster in Redis: copied as they are at one moment, and put into an empty Redis."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, TypedDict

from hansa import HansaError
from hansa_quickstart.failure import INVALID, NOT_EMPTY, Failure
from hansa_redis.bus import RedisBus, open_redis
from redis import exceptions

if TYPE_CHECKING:
    from redis import Redis

LONGEST_PAUSE: Final = 2.0
"""Seconds for which writes may wait by default: less than the 3 s that servers wait for Redis."""
LEASE: Final = "backup"
"""The lease of who copies: the end of one pause would end that of another, too."""
_SPARE: Final = 30.0
"""Seconds for which the lease lasts beyond the pause."""
PORTION: Final = 100
"""Keys that are read or written together."""
_SPECIAL: Final = str.maketrans({one: f"\\{one}" for one in "\\*?[]^-"})


class StoredKey(TypedDict):
    """One key: its name without the beginning that all keys of the cluster share, the end of its
    life in milliseconds since 1970 (-1 for none), and its content as `DUMP` gives it, in base64.
    """

    key: str
    expires: int
    content: str


class ClusterKeys:
    """The keys of the cluster of this name in the Redis at an address.

    `transient` has the families of keys that are not kept.
    """

    def __init__(self, address: str, cluster: str, transient: Collection[str] = ()) -> None:
        self._bus = RedisBus(address, cluster)
        self._client: Redis = open_redis(self._bus.address)
        self._root = self._bus.key("")
        self._transient = frozenset(transient)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def paused(self, longest: float) -> Iterator[Pause]:
        """Have everybody who writes wait, for this many seconds at most: the keys stay as they are.

        Raises `Failure` if Redis does not permit it, if that was not long enough or somebody ended
        it, if Redis was started anew meanwhile, and while another backup is made.
        """
        pause = Pause(longest)
        with _told(), self._alone(longest), pause.measured():
            process, _ = self._state()
            try:
                self._client.client_pause(int(longest * 1000), all=False)
            except exceptions.ResponseError as error:
                raise Failure(f"Redis: {error}; the backup needs CLIENT PAUSE") from None
            try:
                yield pause
                self._refuse_ended(process, pause)
            finally:
                self._client.client_unpause()

    @contextmanager
    def _alone(self, longest: float) -> Iterator[None]:
        """Keep other backups of this cluster away; raises `Failure` if there is one."""
        holder = secrets.token_hex(8)
        try:
            if self._bus.acquire(LEASE, holder, longest + _SPARE) is None:
                raise Failure("another backup of this cluster is being made: try again later")
        except HansaError as error:
            raise Failure(f"Redis: {error}") from None
        try:
            yield
        finally:
            with suppress(HansaError, exceptions.RedisError, OSError):
                self._bus.release(LEASE, holder)

    def _state(self) -> tuple[object, object]:
        """Return which process Redis is, and what waits in it; None for what it does not say."""
        try:
            process = self._client.info("server").get("run_id")
            waiting = self._client.info("clients").get("paused_actions")
        except exceptions.ResponseError:  # the user may not ask
            return None, None
        return process, waiting

    def _refuse_ended(self, process: object, pause: Pause) -> None:
        """Raise `Failure` if Redis has not held up writes all the time."""
        now, waiting = self._state()
        if now != process:
            raise Failure("Redis was started anew while it was copied: make the backup again")
        if waiting == "none" and not pause.is_over:
            raise Failure("somebody ended the pause of Redis: make the backup again")

    def read(self) -> Iterator[StoredKey]:
        """Yield every key that is kept; those that end meanwhile are left out."""
        names = self._names()
        with _told():
            while portion := list(islice(names, PORTION)):
                yield from self._read(portion)

    def _names(self) -> Iterator[str]:
        pattern = self._root.translate(_SPECIAL) + "*"
        seen: set[str] = set()
        for name in self._client.scan_iter(match=pattern, count=1000):
            family = name.removeprefix(self._root).partition(":")[0]
            if name not in seen and family not in self._transient:
                seen.add(name)
                yield name

    def _read(self, names: list[str]) -> Iterator[StoredKey]:
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.pexpiretime(name)
                pipe.dump(name)
            answers = pipe.execute()
        for name, expires, content in zip(names, answers[::2], answers[1::2], strict=True):
            if content is not None:
                text = base64.b64encode(content).decode()
                yield StoredKey(key=name.removeprefix(self._root), expires=expires, content=text)

    def refuse_any(self) -> None:
        """Raise `Failure` if there are keys of this cluster."""
        with _told():
            for name in self._client.scan_iter(match=self._root.translate(_SPECIAL) + "*"):
                message = f"Redis is not empty: it holds keys of this cluster, such as {name}"
                raise Failure(message, NOT_EMPTY)

    def write(self, keys: Iterable[StoredKey]) -> int:
        """Put keys into Redis; returns how many. Raises `Failure`, and then removes them again."""
        written: list[str] = []
        remaining = iter(keys)
        try:
            with _told():
                while portion := list(islice(remaining, PORTION)):
                    written += [self._root + one["key"] for one in portion]
                    self._write(portion)
        except BaseException:
            self._remove(written)
            raise
        return len(written)

    def _write(self, portion: list[StoredKey]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for one in portion:
                content = base64.b64decode(one["content"])
                lasts = one["expires"] < 0
                ttl = 0 if lasts else one["expires"]
                pipe.restore(self._root + one["key"], ttl, content, absttl=not lasts)
            pipe.execute()

    def _remove(self, names: list[str]) -> None:
        for start in range(0, len(names), PORTION):
            self._client.delete(*names[start : start + PORTION])


class Pause:
    """A pause of writes, and the seconds that it took, once it is over."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._began = time.monotonic()
        self.seconds = 0.0

    @property
    def is_over(self) -> bool:
        """Whether writes go on again by themselves."""
        return time.monotonic() - self._began >= self._longest

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what is done inside; raises `Failure` if it took longer than writes were held up."""
        self._began = time.monotonic()
        yield
        self.seconds = time.monotonic() - self._began
        if self.seconds >= self._longest:
            raise Failure(
                f"Redis could not be copied within {self._longest:g} s, for which writes waited; "
                "permit more by --longest-pause, or make the backup when less is in the queue"
            )


def lines_of(keys: Iterable[StoredKey]) -> Iterator[bytes]:
    """Yield keys as lines of JSON."""
    for one in keys:
        yield json.dumps(one).encode() + b"\n"


def keys_of(lines: Iterable[bytes]) -> Iterator[StoredKey]:
    """Yield the keys of lines of JSON."""
    for line in lines:
        try:
            one = json.loads(line)
            found = StoredKey(
                key=str(one["key"]), expires=int(one["expires"]), content=str(one["content"])
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Failure("the keys of the backup cannot be read", INVALID) from None
        yield found


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors of Redis into `Failure`."""
    try:
        yield
    except (exceptions.RedisError, OSError, binascii.Error) as error:
        raise Failure(f"Redis: {error}") from None
