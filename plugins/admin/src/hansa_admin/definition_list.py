"""The admin services of definitions of any type: `admin.definition.list`, `admin.reference.users`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from hansa import DefinitionRecord, Key, LoggedChange, Model, NotFound, ObjectState, setting
from hansa_cli.access import RUNS

from .administration import Administration
from .answers import Filter, PlainData
from .definition_index import States, references_of
from .definitions import without_secrets
from .operation import Operation
from .settings import secret_names

Order: TypeAlias = Literal[
    "name", "-name", "type", "-type", "state", "-state", "revision", "-revision", "since", "-since"
]
UNHEALTHY = "unhealthy"


class DefinitionFilter(Filter):
    """Which definitions to list, and what of them."""

    limit: Annotated[int, setting("Maximum number of entries to return", ge=1, le=10_000)] = 50
    kind: Annotated[str, setting("Only of this kind", example="channel")] = ""
    type: Annotated[str, setting("Only of this type", example="http")] = ""
    state: Annotated[
        str,
        setting(
            "Only in this state, the worst of all workers; unhealthy: those that do not run as wanted, "
            "or whose other side does not answer",
            example="retrying",
        ),
    ] = ""
    service: Annotated[str, setting("Only those that name this service")] = ""
    builtin: Annotated[bool, setting("Also those that come with plugins")] = True
    fields: Annotated[
        list[str], setting("Settings to return, where a definition has them", max_length=50)
    ] = []
    users: Annotated[bool, setting("Whether to count what names each definition")] = False
    order: Annotated[Order, setting("What to sort by; with - in front, the largest first")] = "name"


class ListedDefinition(Model):
    """A definition in the list."""

    kind: Annotated[str, setting("Its kind")]
    type: Annotated[str, setting("Its type")]
    name: Annotated[str, setting("Its name")]
    active: Annotated[bool, setting("Whether it is in service")]
    builtin: Annotated[bool, setting("Whether it comes with a plugin and cannot be changed")]
    revision: Annotated[int, setting("Revision of its last change")]
    by: Annotated[str, setting("Author of its last change; empty for Hansa itself, or if unknown")]
    at: Annotated[
        float, setting("Time of its last change, in seconds of the Unix epoch; 0 if unknown")
    ]
    state: Annotated[str, setting("The worst of its states in all workers")]
    why: Annotated[
        str, setting("The reason why it does not run, or why its other side does not answer")
    ]
    since: Annotated[
        float, setting("Start of this state, in seconds of the Unix epoch; 0 if unknown")
    ]
    settings: Annotated[dict[str, Any], setting("The settings asked for, without secrets")]
    users: Annotated[
        int | None, setting("Number of definitions that name it; null if that was not asked for")
    ] = None


class ListedDefinitions(Model):
    """A page of the list."""

    items: Annotated[list[ListedDefinition], setting("Definitions")]
    total: Annotated[int, setting("Number of definitions on all pages")]
    revision: Annotated[int, setting("Revision of the cluster that the list shows")]


class DefinitionList(Operation):
    """List definitions of all types: their states, and the settings that are asked for."""

    name = "admin.definition.list"
    right = "view"
    Input = DefinitionFilter
    Output = ListedDefinitions

    def handle(self) -> ListedDefinitions:
        """Return a page of the list."""
        asked: DefinitionFilter = self.request.input
        definitions = self.server.resource(Administration).index.current(self.server)
        states = States(self.server.cluster.reports())
        # PERF: they are in order by name mostly, which a sort finds out in no time
        records = definitions.by_name
        found = [record for record in records if is_asked_for(asked, record, states)]
        found.sort(key=sort_key(asked.order, states), reverse=asked.order.startswith("-"))
        page = asked.page(found)
        changes = self._last_changes(page)
        items = []
        for record in page:
            users = None
            if asked.users:
                users = len({use.user for use in definitions.users_of(*record.key)})
            settings = self._settings(record, asked.fields)
            change = changes.get(record.key)
            items.append(_shown(record, states.of(record), change, settings, users))
        return ListedDefinitions(items=items, total=len(found), revision=definitions.revision)

    def _last_changes(self, records: list[DefinitionRecord]) -> Mapping[Key, LoggedChange]:
        """Return the last change of each definition, as far as the change log still has it."""
        stored = {record.key: record.revision for record in records if not record.builtin}
        if not stored:
            return {}
        # PERF: the state at a revision would be put together from the whole change log
        lines = self.server.change_log.after(min(stored.values()) - 1, stored)
        return {line.key: line for line in lines if line.revision == stored[line.key]}

    def _settings(self, record: DefinitionRecord, names: list[str]) -> PlainData:
        """Return the settings asked for; of a type that no plugin here registers nobody knows which
        are secret.
        """
        try:
            model = self.server.registry.type(record.kind, record.type).model
        except NotFound:
            return {}
        wanted = {name: record.data[name] for name in names if name in record.data}
        shown = without_secrets(wanted, frozenset(secret_names(model)))
        return shown if isinstance(shown, dict) else {}


def _shown(
    record: DefinitionRecord,
    state: ObjectState,
    change: LoggedChange | None,
    settings: PlainData,
    users: int | None,
) -> ListedDefinition:
    return ListedDefinition(
        kind=record.kind,
        type=record.type,
        name=record.name,
        active=bool(record.data.get("active", True)),
        builtin=record.builtin,
        revision=record.revision,
        by=change.by if change is not None else "",
        at=change.at if change is not None else 0.0,
        state=state.state,
        why=state.why,
        since=state.since,
        settings=settings,
        users=users,
    )


def is_asked_for(asked: DefinitionFilter, record: DefinitionRecord, states: States) -> bool:
    """Whether a definition meets all conditions."""
    if asked.kind not in ("", record.kind) or asked.type not in ("", record.type):
        return False
    if record.builtin and not asked.builtin:
        return False
    if asked.service and record.data.get("service") != asked.service:
        return False
    if not asked.matches(record.name):
        return False
    return not asked.state or _is_in(asked.state, record, states)


def _is_in(wanted: str, record: DefinitionRecord, states: States) -> bool:
    state = states.of(record)
    if wanted == UNHEALTHY:
        return state.state not in RUNS or bool(state.why)
    return state.state == wanted


def sort_key(order: Order, states: States) -> Callable[[DefinitionRecord], tuple[object, ...]]:
    """Return what definitions are sorted by; those that are equal by name."""

    def key(record: DefinitionRecord) -> tuple[object, ...]:
        by_name = (record.name, record.kind, record.type)
        match order.removeprefix("-"):
            case "type":
                return (record.kind, record.type, record.name)
            case "revision":
                return (record.revision, *by_name)
            case "state":
                return (states.of(record).state, *by_name)
            case "since":
                return (states.of(record).since, *by_name)
        return by_name

    return key


class Subject(Model):
    """Something that definitions name."""

    kind: Annotated[
        str, setting("Its kind; service and format, too", example="outgoing", min_length=1)
    ]
    type: Annotated[str, setting("Its type; empty for a service or a format")] = ""
    name: Annotated[str, setting("Its name", min_length=1)]


class ListedUse(Model):
    """A definition that names the subject."""

    kind: Annotated[str, setting("Its kind")]
    type: Annotated[str, setting("Its type")]
    name: Annotated[str, setting("Its name")]
    setting: Annotated[str, setting("Setting by which it does")]
    users: Annotated[int, setting("Number of definitions that name this one in turn")]


class ListedReference(Model):
    """Something that the subject names."""

    setting: Annotated[str, setting("Setting by which it does")]
    kind: Annotated[str, setting("Kind of what it names")]
    type: Annotated[str, setting("Type of what it names; empty if any will do")]
    name: Annotated[str, setting("Name of what it names")]
    exists: Annotated[bool, setting("Whether it is there")]


class Relations(Model):
    """Who names the subject, and what it names."""

    items: Annotated[list[ListedUse], setting("Definitions that name it")]
    total: Annotated[int, setting("Number of these definitions")]
    names: Annotated[list[ListedReference], setting("What it names itself")]


class ReferenceUsers(Operation):
    """Show which definitions name a definition, a service or a format, and what it names itself."""

    name = "admin.reference.users"
    right = "view"
    Input = Subject
    Output = Relations

    def handle(self) -> Relations:
        """Return both; raises `NotFound` if it is not there and nothing names it."""
        asked: Subject = self.request.input
        definitions = self.server.resource(Administration).index.current(self.server)
        uses = definitions.users_of(asked.kind, asked.type, asked.name)
        if not uses and not self.server.definitions.exists(asked.kind, asked.type, asked.name):
            words = " ".join(word for word in (asked.kind, asked.type, asked.name) if word)
            raise NotFound(f"there is no {words}")
        items = [
            ListedUse(
                kind=kind,
                type=type,
                name=name,
                setting=use.setting,
                users=len({one.user for one in definitions.users_of(kind, type, name)}),
            )
            for use in uses
            for kind, type, name in [use.user]
        ]
        return Relations(items=items, total=len(items), names=self._names(asked))

    def _names(self, asked: Subject) -> list[ListedReference]:
        """Return what a definition names; nothing of a service or a format."""
        if not asked.type:
            return []
        try:
            record = self.server.definitions.get(asked.kind, asked.type, asked.name)
        except NotFound:
            return []
        exists = self.server.definitions.exists
        return [
            ListedReference(
                setting=one.setting,
                kind=one.kind,
                type=one.type,
                name=one.name,
                exists=exists(one.kind, one.type, one.name),
            )
            for one in references_of(self.server.registry, record)
        ]


OPERATIONS: tuple[type[Operation], ...] = (DefinitionList, ReferenceUsers)
