"""What an outgoing connection must hold: inherit `OutgoingContract`, name the class and good
settings, and say how it is used.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import pytest
from hansa import TimedOut

from .background import in_background
from .contract import Contract


class OutgoingContract(Contract):
    """The whole suite for an outgoing connection.

    An author gives `cls`, `good` and `use`, and, where there is a peer that may go away,
    `peer_down` and `peer_up`; with a time-out, `peer_hangs`; where the peer has a refusal of its
    own, `peer_refuses`.
    """

    timeout_setting: ClassVar[str] = "timeout"
    """The setting that bounds, in seconds, how long a call may take."""
    timeout: ClassVar[float] = 0.5
    """What it is set to for the check that it is kept."""
    quick: ClassVar[float] = 2.0
    """Seconds within which a refusal must be reported, whatever the time-out."""
    refusal: ClassVar[str] = ""
    """A part of the cause that the peer gives when it refuses, which the error must contain."""

    def use(self, outgoing: Any) -> None:
        """Make one call that needs the peer, and check what comes of it."""
        outgoing.ping()

    def peer_down(self) -> None:
        """Make the peer unreachable, as if it had crashed."""
        pytest.skip("the test class has no peer_down()")

    def peer_up(self) -> None:
        """Bring the peer back, at the same address."""
        pytest.skip("the test class has no peer_up()")

    @contextmanager
    def peer_refuses(self) -> Iterator[None]:
        """A context in which the peer refuses calls at once: by default since nobody listens at its
        address. Override for a refusal of its own, such as wrong credentials, and name its text in
        `refusal`.
        """
        self.peer_down()
        try:
            yield
        finally:
            self.peer_up()

    def peer_hangs(self) -> AbstractContextManager[Any]:
        """A context in which the peer takes calls and never answers."""
        pytest.skip("the test class has no peer_hangs()")

    def exercise(self, thing: Any) -> None:
        """Make one call."""
        self.use(thing)

    def test_ping(self) -> None:
        """`ping` of a running object gives a text."""
        with self.running() as outgoing:
            answer = outgoing.ping()
        assert answer, "ping() gave nothing; a short text is expected"
        assert isinstance(answer, str), f"ping() gave {answer!r}; a short text is expected"

    def test_ping_fails_without_the_peer(self) -> None:
        """`ping` raises while the peer is gone, soon; and works again when it is back."""
        with self.running() as outgoing:
            outgoing.ping()
            self.peer_down()
            began = time.monotonic()
            raised = self._raises(outgoing.ping)
            took = time.monotonic() - began
            self.peer_up()
            assert raised, "ping() does not notice that the peer is gone"
            assert took < self.patience, f"ping() took {took:.0f} s to notice that the peer is gone"
            assert self._works(outgoing), (
                f"still not usable {self.patience:g} s after the peer came back"
            )

    def test_starts_without_its_peer(self) -> None:
        """Without its peer, `start` or the first call raises, soon; `stop` works; with the peer
        there, a new object works.
        """
        self.peer_down()
        outgoing, began = self.make(), time.monotonic()
        raised = self._raises(outgoing.start) or self._raises(lambda: self.use(outgoing))
        took = time.monotonic() - began
        self._stop(outgoing, "without its peer")
        self.peer_up()
        assert raised, "neither start() nor a call notices that the peer is gone"
        assert took < self.patience, f"it took {took:.0f} s to notice that the peer is gone"
        with self.running() as outgoing:
            self.use(outgoing)

    def test_a_refusal_is_quick_and_says_why(self) -> None:
        """A peer that refuses is reported at once, with the cause, and not as one that is slow."""
        outgoing = self.make()
        with self.peer_refuses():
            began = time.monotonic()
            error = self._error(outgoing.start) or self._error(lambda: self.use(outgoing))
            took = time.monotonic() - began
            self._stop(outgoing, "after a refusal")
        assert error is not None, "neither start() nor a call notices that the peer refuses"
        assert took < self.quick, f"it took {took:.1f} s to report a refusal: {error!r}"
        late = isinstance(error, TimeoutError | TimedOut)
        assert not late, f"a refusal is reported as a time-out: {error!r}"
        cause = f"{error} {getattr(error, 'reason', '')}".strip()
        assert cause, f"{error!r} does not say why"
        assert self.refusal in cause, f"the error does not contain {self.refusal!r}: {cause}"

    def test_many_threads_may_use_it(self) -> None:
        """Services call one object from all threads of a worker."""
        with self.running() as outgoing:
            calls = [in_background(self._use_often, outgoing) for _ in range(8)]
            errors = [
                error for call in calls if (error := call.exception(self.patience)) is not None
            ]
        assert not errors, f"{len(errors)} of 8 threads failed: {errors[0]!r}"

    def test_its_time_out_is_kept(self) -> None:
        """A peer that never answers holds up a call no longer than the setting says."""
        with self.running(**{self.timeout_setting: self.timeout}) as outgoing:
            with self.peer_hangs():
                began = time.monotonic()
                call = in_background(self._raises, lambda: self.use(outgoing))
                try:
                    raised = call.result(self.patience)
                except TimeoutError:
                    pytest.fail(
                        f"a call with a time-out of {self.timeout:g} s has not come back after "
                        f"{self.patience:g} s"
                    )
                took = time.monotonic() - began
        assert raised, "a call to a peer that never answers must raise"
        assert took < self.timeout + self.patience / 4, (
            f"a time-out of {self.timeout:g} s took {took:.1f} s"
        )

    def test_an_edit_under_load_loses_nothing(self) -> None:
        """While objects replace one another as core does it, no call fails."""
        users = _Users(self)
        with users.calling() as calls:
            for _ in range(3):
                assert calls.progress(5, self.patience), f"calls stopped: {calls.errors[:1]}"
                users.replace()
            calls.progress(5, self.patience)
        assert not calls.errors, (
            f"{len(calls.errors)} calls failed during an edit: {calls.errors[0]!r}"
        )

    def _use_often(self, outgoing: Any) -> None:
        for _ in range(10):
            self.use(outgoing)

    def _raises(self, call: Callable[[], object]) -> bool:
        return self._error(call) is not None

    def _error(self, call: Callable[[], object]) -> Exception | None:
        try:
            call()
        except Exception as error:
            return error
        return None

    def _works(self, outgoing: Any) -> bool:
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if not self._raises(lambda: self.use(self.current(outgoing))):
                return True
            time.sleep(0.05)
        return False


class _Users:
    """Threads that call the present object, and its replacement, which stops the old one after its
    last user.
    """

    def __init__(self, contract: OutgoingContract) -> None:
        self.contract = contract
        self.errors: list[BaseException] = []
        self.count = 0
        self._using: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._done = False
        self._current = contract.make()

    @contextmanager
    def calling(self) -> Iterator[_Users]:
        """Call from four threads; at the end the last object is stopped."""
        self._begin(self._current)
        callers = [in_background(self._call) for _ in range(4)]
        try:
            yield self
            self._done = True
            for caller in callers:
                caller.result(self.contract.patience)
        finally:
            self._done = True
            self._current.stop()

    def replace(self) -> None:
        """Put a new object into the place of the present one: an exclusive one stops first."""
        new, old = self.contract.make(), self._current
        if self.contract.cls.exclusive:
            with self._changed:
                self._changed.wait_for(lambda: not self._using[id(old)], self.contract.patience)
                old.stop()
                self._begin(new)
                self._current = new
            return
        self._begin(new)
        with self._changed:
            self._current = new
            self._changed.wait_for(lambda: not self._using[id(old)], self.contract.patience)
        old.stop()

    def progress(self, calls: int, seconds: float) -> bool:
        """Whether so many more calls come to an end in time."""
        with self._changed:
            goal = self.count + calls
            return self._changed.wait_for(lambda: self.count >= goal, seconds)

    def _begin(self, outgoing: Any) -> None:
        try:
            outgoing.start()
        except BaseException:
            outgoing.stop()
            raise

    def _call(self) -> None:
        while not self._done:
            with self._changed:
                outgoing = self._current
                self._using[id(outgoing)] += 1
            try:
                self.contract.use(outgoing)
            except Exception as error:
                self.errors.append(error)
            with self._changed:
                self._using[id(outgoing)] -= 1
                self.count += 1
                self._changed.notify_all()
            time.sleep(
                0.001
            )  # else four busy threads keep the one that replaces the object from its turn
