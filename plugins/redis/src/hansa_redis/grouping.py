"""Sends commands of many threads in groups: while Redis answers one group, the next one gathers."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Lock

from hansa import time_left
from redis import Redis, exceptions
from redis.connection import Connection

from .deadline import remaining
from .pools import LastGivenBack
from .untyped import Answer, Argument

Command = tuple[Argument, ...]
LONGEST_WAIT = 10.0
"""Seconds for which a thread waits for its turn, or for the answer to its group."""
TRIED_AGAIN = (exceptions.ConnectionError, exceptions.MovedError)
"""Errors of a connection that was closed, or whose node holds the keys no longer: the client runs
the command as any other.
"""


class Group:
    """Commands that are sent together and, once they are `done`, their answers or errors; there are
    none if the group was not sent.
    """

    __slots__ = ("answers", "commands", "done")

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.answers: Sequence[Answer] = ()
        self.done = Event()


class CommandGroups:
    """Runs single commands; those of threads that wait at the same time are sent together.

    PERF: a thread gives up its turn to run each time that it writes to Redis and reads from it, and
    has to get it back. In a group one thread does so for all: with 32 threads that each run one
    command for a request, a request costs a fifth less.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._gathering: Group | None = None
        self._joining = Lock()
        self._sending = Lock()

    def execute(self, *command: Argument) -> Answer:
        """Run one command and return its answer as it was read.

        Raises redis-py's errors; `TimeoutError` at the deadline of this thread, and also if the
        deadline of the thread that has sent the group has passed.
        """
        pool = self._client.connection_pool
        if not isinstance(pool, LastGivenBack):
            return self._run_alone(command)
        group, place = self._join(command)
        if place == 0:
            self._send(group, pool)
        elif not group.done.wait(remaining(LONGEST_WAIT)):
            raise TimeoutError("the deadline has passed")
        if not group.answers:
            return self._run_alone(command)
        answer = group.answers[place]
        if isinstance(answer, TRIED_AGAIN):
            return self._run_alone(command)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _join(self, command: Command) -> tuple[Group, int]:
        """Return the group that a command was added to, and its place there."""
        with self._joining:
            if self._gathering is None:
                self._gathering = Group()
            group = self._gathering
            group.commands.append(command)
            return group, len(group.commands) - 1

    def _send(self, group: Group, pool: LastGivenBack) -> None:
        """Send a group once the one before it was answered, if this thread's deadline allows that."""
        left = time_left(LONGEST_WAIT)
        is_our_turn = self._sending.acquire(timeout=LONGEST_WAIT if left is None else max(left, 0))
        try:
            with self._joining:
                self._gathering = None
            if is_our_turn:
                group.answers = _answers(pool, group.commands)
        finally:
            if is_our_turn:
                self._sending.release()
            group.done.set()

    def _run_alone(self, command: Command) -> Answer:
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]


def _answers(pool: LastGivenBack, commands: Sequence[Command]) -> Sequence[Answer]:
    """Return the answers to commands, or for each of them its error.

    The layers of redis-py for retries and events are left out, and so is a look at whether the
    connection is quiet.
    """
    try:
        connection = pool.last_connection()
    except Exception as error:
        return [error] * len(commands)
    is_read = False
    try:
        packed = connection.pack_commands(commands)  # type: ignore[no-untyped-call]
        connection.send_packed_command(packed, check_health=False)  # type: ignore[no-untyped-call]
        answers = [_answer(connection) for _ in commands]
        is_read = True
    except Exception as error:
        return [error] * len(commands)
    finally:
        if not is_read:
            # what is still to come would be read as the answers to others
            connection.disconnect()  # type: ignore[no-untyped-call]
        pool.release(connection)
    return answers


def _answer(connection: Connection) -> Answer:
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error
