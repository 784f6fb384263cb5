"""What asks the other side of a definition: ping, and the trial of settings that are not stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from hansa import Definition, DefinitionRecord, HansaError, Model, ObjectState, Unavailable
from hansa_cli.access import RUNNING, RUNS

from .answers import Named, PlainData, TrialInput
from .definitions import TypeOperation

NOT_HERE = ObjectState("pending")
"""The state of a definition that this worker has yet to learn of."""
AS_WANTED = RUNS - {RUNNING}
"""States of what does not run here because that is what was asked for."""


class Ping(TypeOperation):
    """Check that the other side of a definition of this type answers, with its settings of now."""

    abstract = True
    right = "operate"
    Input = Named

    def handle(self) -> PlainData:
        """Return what the object says.

        While the settings of now do not run in this worker, and perhaps an object with earlier ones
        serves on, the object is made of them for this; see `_other`.
        """
        record = self.server.definitions.get(*self.key)
        state = self.server.objects.state(*self.key) or NOT_HERE
        runs = state.state == RUNNING and state.revision == record.revision
        with explained():
            if runs or state.state in AS_WANTED:
                answer = self.server.objects.get(*self.key).ping()
            else:
                answer = self._other(record, state)
        return {"name": self.name_asked, "result": str(answer)}

    def _other(self, record: DefinitionRecord, state: ObjectState) -> str:
        """Start an object for this alone, and return what it says.

        Raises `Unavailable` for a channel, which would take requests, and for what has its port to
        itself: with the reason why it does not run.
        """
        if self.of.kind != "channel" and not self.of.cls.exclusive:
            return answer_of(self.server.objects.make(*record.key, record.data))
        kind, type, name = record.key
        error = Unavailable(f"{kind} {type} {name!r} is {state.state}")
        error.reason = state.why
        raise error


class Test(TypeOperation):
    """Try settings of this type without storing them: make the object, start, ping and stop it."""

    abstract = True
    right = "develop"
    __test__ = False  # not a test case, whatever pytest makes of the name
    own: ClassVar[type[Model]] = TrialInput
    takes_settings = True

    def handle(self) -> PlainData:
        """Try them; a channel is only made, since a started one would take requests."""
        name = self.name_asked
        made = self.server.objects.make(
            self.of.kind,
            self.of.type,
            name or "test",
            self.asked["settings"],
            mode="edit" if name else "set",
        )
        if self.of.kind == "channel":
            return {"name": name, "result": "the settings are valid"}
        with explained():
            return {"name": name, "result": answer_of(made)}


def answer_of(made: Definition) -> str:
    """Start an object for a ping, and stop it; returns what it says, or raises what is wrong."""
    try:
        made.start()
        return str(made.ping())
    finally:
        made.stop()


@contextmanager
def explained() -> Iterator[None]:
    """Have the caller, who is an administrator, told the whole reason of what fails."""
    try:
        yield
    except HansaError as error:
        error.detail = error.explanation
        error.reason = ""
        raise
    except Exception as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
