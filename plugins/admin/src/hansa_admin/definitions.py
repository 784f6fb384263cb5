"""What can be done with the definitions of any type: create, edit, delete, get, and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeGuard

from hansa import (
    Channel,
    Definition,
    DefinitionRecord,
    Edit as EditOf,
    HansaError,
    Invalid,
    Key,
    Model,
    PlainSettings,
    RegisteredType,
    Response,
    Server,
    Unavailable,
    WorkerReport,
    dump,
    explain,
    fields,
    is_reference,
    load,
)

from .answers import (
    Filter,
    Named,
    PlainData,
    PreviewInput,
    Seen,
    Upcoming,
    changed,
    readable,
    worst_state,
)
from .operation import Operation
from .outcome import Outcome, reported_states
from .settings import secret_names

NO_SECRETS: frozenset[str] = frozenset()


class Runnable(Protocol):
    """An object that can be run once, besides what it does by itself."""

    def run(self) -> object:
        """Run it; returns a `Response`, or any value that says what came of it."""


def is_runnable(thing: object) -> TypeGuard[Runnable]:
    """Whether an object, or the class of one, can be run."""
    return callable(getattr(thing, "run", None))


class Planned(Protocol):
    """An object that runs at times that are known before."""

    def next_runs(self, count: int) -> list[str]:
        """Return the next planned times, at most `count`, in ISO 8601, UTC."""


def is_planned(thing: object) -> TypeGuard[Planned]:
    """Whether an object, or the class of one, runs at planned times."""
    return callable(getattr(thing, "next_runs", None))


class Used(Protocol):
    """An object whose last use is noted."""

    def last_used(self) -> str | None:
        """Return the time of its last use in the cluster, in ISO 8601, UTC; None if none is known."""


def is_used(thing: object) -> TypeGuard[Used]:
    """Whether the last use of an object, or of those of a class, is noted."""
    return callable(getattr(thing, "last_used", None))


def without_secrets(data: object, secrets: frozenset[str] = NO_SECRETS) -> object:
    """Return settings to show: without encrypted values, at any depth, and without these secrets at
    the top level.

    References such as `{"$env": "X"}` only say where to look, and stay.
    """
    if isinstance(data, list):
        return [without_secrets(item) for item in data]
    if not isinstance(data, dict):
        return data
    shown = {}
    for key, value in data.items():
        refers = is_reference(value)
        encrypted = refers and "$encrypted" in value
        if not encrypted and (refers or key not in secrets):
            shown[key] = without_secrets(value)
    return shown


class TypeOperation(Operation):
    """An operation on the definitions of one type; a subclass for each type names that type and its
    class.

    `own` are the settings of the operation itself; with `takes_settings` it also takes those of the
    definition. The input is an object of the former, with the latter under `settings`.
    """

    abstract: ClassVar[bool] = True
    of: ClassVar[RegisteredType]
    own: ClassVar[type[Model]] = Named
    takes_settings: ClassVar[bool] = False

    @classmethod
    def read(cls, data: PlainSettings, server: Server) -> PlainData:
        """Check settings of the operation and of the definition together: all faults are reported."""
        if not cls.takes_settings:
            return dump_of(load(cls.own, data))
        names = {field.name for field in fields(cls.own)}
        own = {key: value for key, value in data.items() if key in names}
        settings = cls.settings_in(data)
        invalid = explain(own, cls.own)
        if invalid is not None:
            name = str(own.get("name") or "")
            raise Invalid(cls.faults(name, settings, server) | invalid.errors)
        return {**dump_of(load(cls.own, own)), "settings": settings}

    @classmethod
    def settings_in(cls, data: PlainSettings) -> PlainSettings:
        """Return the part of an input that is settings of the definition."""
        names = {field.name for field in fields(cls.own)}
        return {key: value for key, value in data.items() if key not in names}

    @classmethod
    def edit_of(cls, name: str, settings: PlainSettings) -> EditOf:
        """Return the edit that is made of these settings."""
        return EditOf((cls.of.kind, cls.of.type, name), settings)

    @classmethod
    def faults(cls, name: str, settings: PlainSettings, server: Server) -> dict[str, str]:
        """Return the faults of a definition's settings, by setting, where the operation is refused."""
        edit = cls.edit_of(name, settings)
        place = ".".join(edit.key)
        found = server.definitions.validate([edit])
        return {path.removeprefix(place).removeprefix("."): fault for path, fault in found.items()}

    @property
    def asked(self) -> PlainData:
        """The input, as `read` has returned it."""
        asked: PlainData = self.request.input
        return asked

    @property
    def name_asked(self) -> str:
        """The name of the definition that the input is about."""
        return str(self.asked["name"])

    @property
    def key(self) -> Key:
        """Kind, type and name of the definition."""
        return self.of.kind, self.of.type, self.name_asked

    def show(
        self, record: DefinitionRecord, reports: Mapping[str, WorkerReport] | None = None
    ) -> PlainData:
        """Return a definition as answers show it, with its states as of the given, or last,
        reports.
        """
        if reports is None:
            reports = self.server.cluster.reports()
        states = reported_states(record.key, record.revision, reports)
        own = self.server.objects.state(*record.key)
        if own is not None:
            states[self.server.id] = own
        secrets = frozenset(secret_names(self.of.model))
        settings = without_secrets(record.data, secrets)
        shown: PlainData = {
            "name": record.name,
            "revision": record.revision,
            "builtin": record.builtin,
            "state": worst_state(states),
            "states": states,
        }
        return {**shown, **self._known_of_object(record), **dump_of(settings)}

    def _known_of_object(self, record: DefinitionRecord) -> PlainData:
        """Return what the object of a definition knows, and is asked for once: the delivery
        guarantee of a channel, the next run of what is planned, the last use of what notes it.
        """
        is_channel = issubclass(self.of.cls, Channel)
        if not is_channel and not is_planned(self.of.cls) and not is_used(self.of.cls):
            return {}
        try:
            found = self.object_of(record.name, record)
        except HansaError:  # its settings cannot be used here, and its state says why
            found = None
        known: PlainData = {}
        if is_channel:
            known["delivery"] = (
                found.delivery_of(found.config) if isinstance(found, Channel) else ""
            )
        if is_planned(self.of.cls):
            is_active = record.data.get("active", True)
            known["next_run"] = _next_run(found) if is_active else None
        if is_used(self.of.cls):
            known["last_used"] = found.last_used() if is_used(found) else None
        return known

    def object_of(self, name: str, record: DefinitionRecord | None = None) -> Definition:
        """Return the live object of a name; one made now where it is inactive or in another worker.

        `record` is its definition, where that is at hand.
        """
        key = (self.of.kind, self.of.type, name)
        try:
            return self.server.objects.get(*key)
        except Unavailable:
            found = record or self.server.definitions.get(*key)
            return self.server.objects.make(*found.key, found.data)


def _next_run(found: Definition | None) -> str | None:
    """Return the next run that an object has planned."""
    runs = found.next_runs(1) if is_planned(found) else []
    return runs[0] if runs else None


class Create(TypeOperation):
    """Create a definition of this type."""

    abstract = True
    right = "develop"
    takes_settings = True

    @classmethod
    def read(cls, data: PlainSettings, server: Server) -> PlainData:
        """Add what the type generates where it is left out, such as a random key."""
        generated = cls.of.cls.generate(data)
        asked = super().read({**data, **generated}, server)
        return {**asked, "generated": generated}

    def handle(self) -> PlainData:
        """Store it, and wait for its start; what was generated is shown this once."""
        outcome = Outcome(self.server)
        applied = self.server.definitions.define(
            *self.key, self.asked["settings"], mode="create", by=self.caller
        )
        answer = {**changed(self.name_asked, applied), **outcome.of(self.key, applied)}
        generated = self.asked["generated"]
        if generated:
            answer["generated"] = dump(generated, str)
        return answer


class Edit(TypeOperation):
    """Change the given settings of a definition of this type and leave the others as they are."""

    abstract = True
    right = "develop"
    own = Seen
    takes_settings = True

    @classmethod
    def edit_of(cls, name: str, settings: PlainSettings) -> EditOf:
        """Return the edit of the stored definition."""
        return EditOf((cls.of.kind, cls.of.type, name), settings, "edit")

    def handle(self) -> PlainData:
        """Store the changed settings, and wait until the definition runs with them."""
        outcome = Outcome(self.server)
        applied = self.server.definitions.define(
            *self.key,
            self.asked["settings"],
            mode="edit",
            seen_revision=self.asked["seen_revision"],
            by=self.caller,
        )
        return {**changed(self.name_asked, applied), **outcome.of(self.key, applied)}


class Delete(TypeOperation):
    """Delete a definition of this type; refused while another one uses it."""

    abstract = True
    right = "develop"
    Input = Seen
    own = Seen

    def handle(self) -> PlainData:
        """Delete it."""
        seen = self.asked["seen_revision"]
        applied = self.server.definitions.delete(*self.key, seen_revision=seen, by=self.caller)
        return changed(self.name_asked, applied)


class Release(TypeOperation):
    """Start a definition of this type again that is quarantined, since its start ended workers."""

    abstract = True
    right = "operate"
    Input = Named

    def handle(self) -> PlainData:
        """Have the workers that have quarantined it start it again, and wait for that."""
        outcome = Outcome(self.server)
        applied = self.server.definitions.release(*self.key, by=self.caller)
        return {**changed(self.name_asked, applied), **outcome.of(self.key, applied)}


class Get(TypeOperation):
    """Show a definition of this type, its revision and its state in each worker, without secrets."""

    abstract = True
    right = "view"
    Input = Named

    def handle(self) -> PlainData:
        """Return it."""
        return self.show(self.server.definitions.get(*self.key))


class List(TypeOperation):
    """List the definitions of this type with their states; secrets are left out."""

    abstract = True
    right = "view"
    Input = Filter
    own = Filter

    def handle(self) -> PlainData:
        """Return one page."""
        asked = Filter(**self.asked)
        there = self.server.definitions.all(self.of.kind, self.of.type)
        found = [record for record in there if asked.matches(record.name)]
        reports = self.server.cluster.reports()
        items = [self.show(record, reports) for record in asked.page(found)]
        return {"items": items, "total": len(found)}


class Run(TypeOperation):
    """Run an object of this type once, now, besides what it does by itself."""

    abstract = True
    right = "operate"
    runs_services = True
    Input = Named

    def handle(self) -> PlainData:
        """Run it and return its answer; raises what its service raised."""
        answer = self.runnable().run()
        found: PlainData = {
            "name": self.name_asked,
            "result": "done",
            "cid": self.cid,
            "answer": None,
        }
        if isinstance(answer, Response):
            raise_failure(answer)
            found["cid"] = answer.cid or self.cid
            found["answer"] = readable(answer.raw) if answer.raw else dump(answer.payload)
        elif answer is not None:
            found["result"] = str(answer)
        return found

    def runnable(self) -> Runnable:
        """Return the live object; one made for this run where it is inactive or in another worker."""
        found = self.object_of(self.name_asked)
        if not is_runnable(found):
            raise Invalid(f"{self.of.kind} {self.of.type} cannot be run")
        return found


class Next(TypeOperation):
    """List the next planned runs of a definition of this type, whether or not it is active."""

    abstract = True
    right = "view"
    Input = Upcoming
    own = Upcoming

    def handle(self) -> PlainData:
        """Return them."""
        planned = self.object_of(self.name_asked)
        if not is_planned(planned):
            raise Invalid(f"{self.of.kind} {self.of.type} has no planned runs")
        return {"name": self.name_asked, "runs": planned.next_runs(self.asked["count"])}


class Preview(TypeOperation):
    """List the next runs that settings of this type would plan, without storing them. Which service
    is run may be left open.
    """

    abstract = True
    right = "develop"
    own = PreviewInput
    takes_settings = True

    @classmethod
    def read(cls, data: PlainSettings, server: Server) -> PlainData:
        """Add the service of a channel where it is left out: any will do, since none is called."""
        if cls.of.kind == "channel" and not data.get("name"):
            data = {"service": cls.get_name(), **data}
        return super().read(data, server)

    def handle(self) -> PlainData:
        """Return them."""
        name = self.name_asked
        made = self.server.objects.make(
            self.of.kind,
            self.of.type,
            name or "preview",
            self.asked["settings"],
            mode="edit" if name else "set",
        )
        if not is_planned(made):
            raise Invalid(f"{self.of.kind} {self.of.type} has no planned runs")
        return {"name": name, "runs": made.next_runs(self.asked["count"])}


def raise_failure(answer: Response, name: str = "it") -> None:
    """Raise the error of the service of a name, if its answer is one.

    Of an unexpected error only that it happened: its traceback is in the log, and nobody else's.
    """
    if isinstance(answer.error, HansaError):
        raise answer.error
    if answer.error is not None:
        where = f"the server's log tells more under the cid {answer.cid}"
        raise HansaError(f"{name} failed unexpectedly; {where}")


def dump_of(value: object) -> PlainData:
    """Return a model, or plain settings, as an object of JSON."""
    plain: PlainData = dump(value)
    return plain
