"""`hansa KIND TYPE ACTION NAME --SETTING ...`: commands for every type of every plugin, read from the server when they run."""

from __future__ import annotations

from typing import Any

import click

from . import output
from .connection import client_of, connection_options, early_client
from .options import Schema, parameters, typed

PREFIX = "/hansa/api/admin."
SERVICES: dict[str, Any] = {}


def operations(client: Any) -> tuple[dict[str, dict[str, Any]], dict[str, Schema]]:
    """The admin services by name, without `admin.`, and the schemas they share; asked once per server and process."""
    if client.url not in SERVICES:
        SERVICES[client.url] = client.openapi()
    document = SERVICES[client.url]
    found = {
        path[len(PREFIX) :]: item["post"]
        for path, item in document["paths"].items()
        if path.startswith(PREFIX)
    }
    return found, document["components"]["schemas"]


class KindGroup(click.Group):
    """The types of one kind, as the server has them."""

    def __init__(self, kind: str, help: str) -> None:
        super().__init__(kind, help=help)
        self.kind = kind

    def _names(self, arguments: list[str]) -> list[str]:
        found, _ = operations(early_client(arguments))
        return sorted({name.split(".")[1] for name in found if name.startswith(f"{self.kind}.")})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The types there are."""
        return self._names(ctx.meta.get("hansa.arguments", []))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The commands of one type."""
        return (
            TypeGroup(self.kind, name)
            if name in self._names(ctx.meta.get("hansa.arguments", []))
            else None
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember what was typed: where the server is has to be known before the options of a command are."""
        ctx.meta["hansa.arguments"] = list(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Tell which types there are when another is asked for."""
        if self.get_command(ctx, args[0]) is None:
            ctx.fail(
                f"the server has no {self.kind} of type {args[0]!r}; there are: {', '.join(self.list_commands(ctx)) or 'none'}"
            )
        return super().resolve_command(ctx, args)


class TypeGroup(click.Group):
    """What can be done with the definitions of one type."""

    def __init__(self, kind: str, type: str) -> None:
        super().__init__(type, help=f"Definitions of {kind} {type}.")
        self.prefix = f"{kind}.{type}."
        self.label = f"{kind} {type}"

    def _operations(
        self, ctx: click.Context
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Schema]]:
        found, components = operations(early_client(ctx.meta.get("hansa.arguments", [])))
        return {
            name[len(self.prefix) :]: each
            for name, each in found.items()
            if name.startswith(self.prefix)
        }, components

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The actions there are."""
        return list(self._operations(ctx)[0])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """One action, with an option for each setting."""
        found, components = self._operations(ctx)
        if name not in found:
            return None
        schema = found[name]["requestBody"]["content"]["application/json"]["schema"]

        def callback(**values: Any) -> None:
            client, as_json = client_of(values), values.pop("hansa_json")
            data = typed(values, schema, components)
            with output.progress(f"{name} {self.label}", as_json):
                answer = client.call(f"admin.{self.prefix}{name}", data)
            if as_json:
                output.print_json(answer)
            else:
                show(name, self.label, answer)

        params = [*_renamed(parameters(schema, components)), *connection_options()]
        return click.Command(name, params=params, callback=callback, help=found[name]["summary"])


def _renamed(params: list[click.Parameter]) -> list[click.Parameter]:
    """Without options whose flag every command has; such a setting is given by `--set`."""
    taken = {flag for option in connection_options() for flag in option.opts}
    return [param for param in params if not taken & set(param.opts)]


def show(action: str, label: str, answer: dict[str, Any]) -> None:
    """The answer of an action, for people."""
    if action == "list":
        rows = [
            [i["name"], i.get("active", True), i["state"], i["revision"], settings_of(i)]
            for i in answer["items"]
        ]
        output.table(
            ["name", "active", "state", "revision", "settings"], rows, f"{label} is defined"
        )
    elif action == "get":
        output.details(answer)
    elif action in ("ping", "test", "run"):
        click.echo(answer["result"])
        if answer.get("answer") is not None:
            output.print_json(answer["answer"])
    else:
        past = {"create": "created", "edit": "changed", "delete": "deleted"}.get(action, action)
        output.done(answer, f"{past} {label} {answer['name']}")
        for name, value in (answer.get("generated") or {}).items():
            click.echo(f"{name}: {output.text(value)} (made up now, shown this once)")


def settings_of(item: dict[str, Any]) -> str:
    """The settings of a definition on one line."""
    hidden = {"name", "active", "state", "states", "revision", "builtin"}
    shown = [
        f"{name}={output.text(value)}"
        for name, value in item.items()
        if name not in hidden and value not in (None, "")
    ]
    return " ".join([*shown, "(built in)"] if item.get("builtin") else shown)
