"""`hansa KIND TYPE ACTION NAME --SETTING ...`: commands for every type of every plugin; `hansa KIND
ACTION ...` where kind and type have the same name.

They are derived from the server's description of its API when they run.
"""

from __future__ import annotations

from typing import TypeAlias

import click

from . import output
from .client import PREFIX, Client
from .connection import command, connection_options, early_client
from .failures import Failure, Refusal, Unreachable
from .installed import installed_description
from .lost import outcome_of_lost
from .options import parameters
from .outcome import check_outcome, show_trouble
from .plain import JsonObject
from .schema import Schema
from .values import typed

_ARGUMENTS = "hansa.arguments"
"""Where click's context keeps the arguments as typed, for `early_client`."""

_OPERATIONS = PREFIX + "admin."
_HIDDEN = frozenset({"name", "active", "state", "states", "revision", "builtin", "delivery"})
_PAST = {"create": "created", "edit": "changed", "delete": "deleted", "release": "released"}
"""Actions that change a definition, and how the outcome is told."""
_STARTING = ("create", "edit", "release")
"""Actions after which a definition is to run."""


class AdminServices:
    """The admin services in an OpenAPI description, by their names without `admin.`."""

    def __init__(self, description: JsonObject) -> None:
        self._components: dict[str, JsonObject] = description["components"]["schemas"]
        self._operations: dict[str, JsonObject] = {
            path.removeprefix(_OPERATIONS): item["post"]
            for path, item in description["paths"].items()
            if path.startswith(_OPERATIONS)
        }

    def types(self, kind: str) -> list[str]:
        """Return the types of a kind, sorted."""
        names = [name.split(".") for name in self._operations]
        return sorted({parts[1] for parts in names if parts[0] == kind and len(parts) > 1})

    def actions(self, type: TypePath) -> list[str]:
        """Return what can be done with the definitions of a type."""
        prefix = ".".join(type) + "."
        return [name.removeprefix(prefix) for name in self._operations if name.startswith(prefix)]

    def summary(self, name: str) -> str:
        """Return the help of a service."""
        return str(self._operations[name]["summary"])

    def input(self, name: str) -> Schema:
        """Return the schema of the input of a service."""
        content = self._operations[name]["requestBody"]["content"]
        return Schema(content["application/json"]["schema"], self._components)


TypePath: TypeAlias = tuple[str, ...]
"""The words by which commands name a type: its kind and its own name, or one word for both."""

_known: dict[str, AdminServices] = {}


def admin_services(client: Client) -> AdminServices:
    """Return the admin services of a server, which is asked once per process."""
    if client.url not in _known:
        learn(client, client.openapi())
    return _known[client.url]


def learn(client: Client, description: JsonObject) -> None:
    """Take an OpenAPI description as that of a client's server, which is then not asked."""
    _known[client.url] = AdminServices(description)


def _services(ctx: click.Context) -> AdminServices:
    """Return the admin services of the server, or for help, where none answers, of what is
    installed.
    """
    arguments: list[str] = ctx.meta.get(_ARGUMENTS, [])
    client = early_client(arguments)
    try:
        return admin_services(client)
    except Unreachable:
        wants_help = any(name in arguments for name in ctx.help_option_names)
        description = installed_description(ctx) if wants_help else None
        if description is None:
            raise
    click.echo(f"no server answers at {client.url}: this is what is installed here", err=True)
    learn(client, description)
    return admin_services(client)


def keep_arguments(ctx: click.Context, args: list[str]) -> None:
    """Keep what was typed after the outermost group, for `early_client`."""
    ctx.meta.setdefault(_ARGUMENTS, list(args))


class KindGroup(click.Group):
    """The types of one kind, as the server has them."""

    def __init__(self, kind: str, help: str) -> None:
        super().__init__(kind, help=help)
        self.kind = kind

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the types that the server has."""
        return _services(ctx).types(self.kind)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the commands of one type; None if the server does not have it."""
        return TypeGroup((self.kind, name)) if name in self.list_commands(ctx) else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was typed, for `early_client`."""
        keep_arguments(ctx, args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the commands of a type; for an unknown one, a usage error lists the types there are."""
        if self.get_command(ctx, args[0]) is None:
            types = ", ".join(self.list_commands(ctx)) or "none"
            ctx.fail(f"the server has no {self.kind} of type {args[0]!r}; there are: {types}")
        return super().resolve_command(ctx, args)


class TypeGroup(click.Group):
    """What can be done with the definitions of one type."""

    def __init__(self, type: TypePath, help: str = "") -> None:
        self.label = " ".join(type)
        super().__init__(type[-1], help=help or f"Definitions of {self.label}.")
        self.type = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was typed, for `early_client`."""
        keep_arguments(ctx, args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the actions that the type has."""
        return _services(ctx).actions(self.type)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return one action, with an option for each setting; None if the type does not have it."""
        services = _services(ctx)
        if name not in services.actions(self.type):
            return None
        service = ".".join((*self.type, name))
        schema = services.input(service)
        taken = {flag for option in connection_options() for flag in option.opts}

        def action(client: Client, as_json: bool, **values: object) -> None:
            data = typed(values, schema)
            with output.progress(f"{name} {self.label}", as_json):
                try:
                    answer = client.call(f"admin.{service}", data)
                except (Refusal, Unreachable) as failure:
                    if name not in _PAST:
                        raise
                    answer = _after_lost(client, f"admin.{service}", data, failure)
            if as_json:
                output.print_json(answer)
            else:
                self.show(name, answer)
            if name in _STARTING:
                check_outcome(self.label, answer)

        made = command(name, *parameters(schema, taken), help=services.summary(service))
        return made(action)

    def show(self, action: str, answer: JsonObject) -> None:
        """Print the answer of an action for people."""
        show(action, self.label, answer)


class SubjectGroup(TypeGroup):
    """The admin services of one subject that is no type, such as `admin.session.list` and `end`."""

    def show(self, action: str, answer: JsonObject) -> None:
        """Print the answer for people: what it lists, a line for each, or all that it says."""
        if "items" in answer:
            show_items(answer)
        else:
            output.details(answer)


def _after_lost(client: Client, service: str, data: JsonObject, failure: Failure) -> JsonObject:
    """Return what has become of a change whose answer is lost, as its answer would."""
    found = outcome_of_lost(client, service, data, failure)
    click.echo("the answer was lost, and a server was asked what became of it:", err=True)
    known: JsonObject = {key: found[key] for key in ("revision", "state", "states") if key in found}
    return {"name": data["name"], **known}


def show(action: str, label: str, answer: JsonObject) -> None:
    """Print the answer of an action for people; `label` is kind and type."""
    if action == "list":
        show_list(label, answer)
    elif action == "get":
        output.details(answer)
    elif "revision" not in answer and "items" in answer:
        show_items(answer)
    elif action in ("next", "preview"):
        for planned in answer["runs"] or ["no run is planned"]:
            click.echo(planned)
    elif action in ("ping", "test", "run"):
        click.echo(answer["result"])
        if answer.get("answer") is not None:
            output.print_json(answer["answer"])
    else:
        output.done(answer, f"{_PAST.get(action, action)} {label} {answer['name']}")
        for name, value in (answer.get("generated") or {}).items():
            click.echo(f"{name}: {output.text(value)} (made up now, shown this once)")
        show_trouble(answer.get("states") or {})


def show_list(label: str, answer: JsonObject) -> None:
    """Print definitions with their settings, a line for each; of channels also the guarantee."""
    items = answer["items"]
    has_guarantee = any("delivery" in item for item in items)
    columns = ["name", "active", "state", "revision", "settings"]
    if has_guarantee:
        columns.insert(-1, "delivery")
    rows: list[list[object]] = []
    for item in items:
        row = [item["name"], item.get("active", True), item["state"], item["revision"]]
        if has_guarantee:
            row.append(item.get("delivery", "").replace("_", " "))
        row.append(settings_of(item))
        rows.append(row)
    output.table(columns, rows, f"{label} is defined")


def show_items(answer: JsonObject) -> None:
    """Print what a plugin's own action lists, a line for each, under what it says of the whole."""
    items: list[JsonObject] = answer["items"]
    for name, value in answer.items():
        if name != "items":
            click.echo(f"{name.replace('_', ' ')}: {output.text(value)}")
    columns = {key: key.replace("_", " ") for key in (items[0] if items else ())}
    output.listing(items, columns, "entry")


def settings_of(item: JsonObject) -> str:
    """Return the settings of a definition on one line."""
    shown = [
        f"{name}={output.text(value)}"
        for name, value in item.items()
        if name not in _HIDDEN and value not in (None, "")
    ]
    if item.get("builtin"):
        shown.append("(built in)")
    return " ".join(shown)
