"""What can be done with the definitions of a type: create, edit, delete, get, list, ping, test and run, for any type."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from hansa import (
    Applied,
    DefinitionRecord,
    HansaError,
    Invalid,
    Model,
    ObjectState,
    Response,
    Unavailable,
    WorkerReport,
    dump,
    explain,
    fields,
    load,
    resolve,
    setting,
)

from .operation import Operation
from .references import is_reference, name_faults, secret_names, setting_faults

log = logging.getLogger("hansa.admin")
_HEALTHY = ObjectState("running")


class Named(Model):
    """What tells one definition from the others of its type."""

    name: Annotated[str, setting("Name of the definition", min_length=1, max_length=200)]


class Seen(Named):
    """A change that builds on what its author has seen."""

    seen_revision: Annotated[
        int | None,
        setting(
            "Revision that the change builds on; refused if somebody else changed the definition since",
            example=42,
        ),
    ] = None


class Perhaps(Model):
    """Where a trial begins."""

    name: Annotated[
        str, setting("Begin with the settings of this definition; empty begins with none")
    ] = ""


class Filter(Model):
    """Which definitions to list."""

    filter: Annotated[
        str, setting("Only those whose name contains this text, in upper or lower case")
    ] = ""
    offset: Annotated[int, setting("How many to pass over", ge=0)] = 0
    limit: Annotated[int, setting("At most so many", ge=1, le=10_000)] = 1000


class State(Model):
    """How one worker has it."""

    state: Annotated[str, setting("running, retrying, inactive, elsewhere or failed")]
    why: Annotated[
        str, setting("The reason, when it does not run, or its other side does not answer")
    ] = ""
    since: Annotated[float, setting("Since when, in seconds of the Unix epoch")] = 0.0


class Shown(Named):
    """What is known of a definition besides its settings."""

    revision: Annotated[int, setting("Revision of its last change")]
    builtin: Annotated[bool, setting("Whether it comes with a plugin and cannot be changed")]
    state: Annotated[str, setting("The least well of the states of all workers")]
    states: Annotated[dict[str, State], setting("The state in each worker")]


class Changed(Model):
    """A change that is stored, and which workers have it already."""

    name: Annotated[str, setting("Name of what was changed")]
    revision: Annotated[int, setting("Revision of the change")]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that are still to apply it")]


class Created(Changed):
    """A new definition."""

    generated: Annotated[
        dict[str, Any],
        setting(
            "Settings that were left out and made up, such as a random key: shown here and never again"
        ),
    ] = {}


class Result(Model):
    """The outcome of a ping or a trial."""

    name: Annotated[str, setting("Name of the definition")]
    result: Annotated[str, setting("What was found, as a short text")]


class Ran(Result):
    """The outcome of a run."""

    cid: Annotated[str, setting("Correlation id of the run")]
    answer: Annotated[Any, setting("What the service answered")] = None


def readable(raw: bytes) -> Any:
    """Bytes as JSON shows them best: the value of a JSON text, else text, else base64; nothing is null."""
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"$base64": base64.b64encode(raw).decode()}


def changed(name: str, answer: Applied) -> dict[str, Any]:
    """The answer to every change."""
    return {"name": name, **as_data(answer)}


def as_data(answer: Applied) -> dict[str, Any]:
    """Return what every answer to a change has: the revision, who has applied it, and who has not yet."""
    return {
        "revision": answer.revision,
        "applied": answer.applied,
        "pending": answer.pending,
    }


def without_secrets(data: Any, secrets: set[str] = frozenset()) -> Any:  # type: ignore[assignment]
    """Settings to show: without encrypted values, at any depth; references such as `{"$env": "X"}` say where to look and stay."""
    if isinstance(data, dict):
        hidden = {
            key for key, value in data.items() if is_reference(value) and "$encrypted" in value
        }
        hidden |= {key for key in secrets if key in data and not is_reference(data[key])}
        return {key: without_secrets(value) for key, value in data.items() if key not in hidden}
    return [without_secrets(item) for item in data] if isinstance(data, list) else data


def least_well(states: Mapping[str, ObjectState]) -> str:
    """One word for the states of all workers; `unknown` when none has told yet."""
    told = {state.state for state in states.values()}
    return next(
        (
            state
            for state in ("failed", "retrying", "running", "inactive", "elsewhere")
            if state in told
        ),
        "unknown",
    )


class OnType(Operation):
    """An operation on the definitions of one type."""

    abstract: ClassVar[bool] = True
    of_kind: ClassVar[str] = ""
    of_type: ClassVar[str] = ""
    of_class: ClassVar[Any] = None
    model: ClassVar[type[Model]] = Model

    own: ClassVar[type[Model]] = Named
    takes_settings: ClassVar[bool] = False

    @classmethod
    def read(cls, data: dict[str, Any], server: Any, *, strict: bool = True) -> Any:
        """Check own settings and those of the definition together, so that all faults are told at once."""
        names = {field.name for field in fields(cls.own)}
        asked = {key: value for key, value in data.items() if key in names}
        rest = {key: value for key, value in data.items() if key not in names}
        if cls.takes_settings:
            invalid = explain(asked, cls.own, strict=strict)
            faults = name_faults(cls.model, rest, server.definitions.exists) | cls.faults(rest)
        else:
            invalid, faults = explain(data, cls.own, strict=strict, unknown=True), {}
        faults |= invalid.errors if invalid else {}
        if faults:
            raise Invalid(faults)
        return dict(dump(load(cls.own, asked, strict=strict)), settings=rest)

    @classmethod
    def faults(cls, settings: dict[str, Any]) -> dict[str, str]:
        """The faults of the given settings of the definition, of which some may be left out."""
        return setting_faults(cls.model, settings, partial=True)

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, type and name of the definition."""
        return self.of_kind, self.of_type, self.request.input["name"]

    def show(
        self, row: DefinitionRecord, reports: Mapping[str, WorkerReport] | None = None
    ) -> dict[str, Any]:
        """A definition as answers show it, with its states as of these reports, by default the last ones."""
        key, mine = " ".join(row.key), self.server.objects.state(*row.key)
        reports = self.server.cluster.reports() if reports is None else reports
        states = {worker: report.states.get(key, _HEALTHY) for worker, report in reports.items()}
        states |= {self.server.id: mine} if mine else {}
        shown = {"name": row.name, "revision": row.revision, "builtin": row.builtin}
        shown |= {"state": least_well(states), "states": dump(states)}
        data = self.model.upgrade(dict(row.data))
        return {**shown, **without_secrets(data, secret_names(self.model))}


class Create(OnType):
    """Create a definition of this type."""

    abstract = True
    takes_settings = True

    @classmethod
    def faults(cls, settings: dict[str, Any]) -> dict[str, str]:
        return setting_faults(cls.model, settings | cls.generated(settings))

    @classmethod
    def generated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings that the type makes up when they are left out, such as a random key; told once, in the answer."""
        generate = getattr(cls.of_class, "generate", None)
        return dict(generate(settings)) if generate else {}

    def handle(self) -> Any:
        settings = self.request.input["settings"]
        generated = self.generated(settings)
        answer = self.server.definitions.define(
            *self.key, settings | generated, mode="create", by=self.caller
        )
        return changed(self.request.input["name"], answer) | (
            {"generated": dump(generated, str)} if generated else {}
        )


class Edit(OnType):
    """Change the given settings of a definition of this type and leave the others."""

    abstract = True
    own, takes_settings = Seen, True

    def handle(self) -> Any:
        seen = self.request.input["seen_revision"]
        answer = self.server.definitions.define(
            *self.key,
            self.request.input["settings"],
            mode="edit",
            seen_revision=seen,
            by=self.caller,
        )
        return changed(self.request.input["name"], answer)


class Delete(OnType):
    """Delete a definition of this type; refused while another one uses it."""

    abstract = True
    Input = own = Seen

    def handle(self) -> Any:
        answer = self.server.definitions.delete(
            *self.key, seen_revision=self.request.input["seen_revision"], by=self.caller
        )
        return changed(self.request.input["name"], answer)


class Get(OnType):
    """Show one definition of this type, its revision and its state in each worker; secrets are left out."""

    abstract = True
    Input = own = Named

    def handle(self) -> Any:
        return self.show(self.server.definitions.get(*self.key))


class List(OnType):
    """List the definitions of this type with their states; secrets are left out."""

    abstract = True
    Input = own = Filter

    def handle(self) -> Any:
        asked = self.request.input
        wanted = asked["filter"].lower()
        rows = [
            row
            for row in self.server.definitions.all(self.of_kind, self.of_type)
            if wanted in row.name.lower()
        ]
        rows.sort(key=lambda row: row.name)
        page = rows[asked["offset"] : asked["offset"] + asked["limit"]]
        reports = self.server.cluster.reports()
        return {"items": [self.show(row, reports) for row in page], "total": len(rows)}


class Ping(OnType):
    """Check that the other side of a defined object of this type is there."""

    abstract = True
    Input = own = Named

    def handle(self) -> Any:
        return {
            "name": self.request.input["name"],
            "result": str(self.server.objects.get(*self.key).ping()),
        }


class Test(OnType):
    """Try settings of this type without storing them: make the object, start it, ping it and stop it."""

    abstract = True
    __test__ = False  # not a test case, whatever pytest makes of the name
    own, takes_settings = Perhaps, True

    def handle(self) -> Any:
        name, settings = self.request.input["name"], self.request.input["settings"]
        if name:
            settings = {**self.server.definitions.get(*self.key).data, **settings}
        made = self.server.objects.make(self.of_kind, self.of_type, name or "test", settings)
        if self.of_kind == "channel":
            return {"name": name, "result": "the settings are valid"}
        try:
            made.start()
            return {"name": name, "result": str(made.ping())}
        finally:
            made.stop()


class Run(OnType):
    """Run an object of this type once, now, besides what it does by itself."""

    abstract = True
    Input = own = Named

    def handle(self) -> Any:
        answer = self.runnable().run()
        found = {
            "name": self.request.input["name"],
            "result": "done",
            "cid": self.cid,
            "answer": None,
        }
        if not isinstance(answer, Response):
            return found if answer is None else found | {"result": str(answer)}
        if isinstance(answer.error, HansaError):
            raise answer.error
        if (
            answer.error is not None
        ):  # logged with its traceback already, and not to be told to anybody
            raise HansaError(
                f"it failed unexpectedly; the server's log tells more under the cid {answer.cid}"
            )
        return found | {
            "cid": answer.cid or self.cid,
            "answer": readable(answer.raw) if answer.raw else dump(answer.payload),
        }

    def runnable(self) -> Any:
        """The live object, or one made for this run where it is switched off or lives in another worker."""
        try:
            return self.server.objects.get(*self.key)
        except Unavailable:
            row = self.server.definitions.get(*self.key)
            if "$encrypted" in json.dumps(row.data):
                raise
            return self.of_class(
                row.name, load(self.model, resolve(row.data), strict=False), self.server
            )
