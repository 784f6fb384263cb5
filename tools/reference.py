"""Write docs/reference/*.md from the code: hooks, configuration, types and their settings, admin
services, commands.

Run by `make docs`; a test fails when the pages differ from what the code says. It needs every
plugin of the workspace installed.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from hansa import Model, Secret, dump, fields, hookspecs as hookspecs_module
from hansa.cli import commands
from hansa.plugins.configuration import CORE_SECTIONS
from hansa.plugins.discovery import EARLY, FULL, Plugins
from hansa.plugins.registry import Registry
from hansa_admin.openapi import openapi
from hansa_admin.operation import Operation
from hansa_cli.connection import connection_options, early_client
from hansa_cli.definitions import learn

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
WRITTEN = "<!-- written by `make docs` from the code; do not edit -->\n\n"


def type_name(hint: Any) -> str:
    """A type as readers of the docs know it."""
    if isinstance(hint, type) and issubclass(hint, Secret):
        return "secret"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return " or ".join(f"`{json.dumps(argument)}`" for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(
            type_name(argument) for argument in arguments if argument is not type(None)
        )
    if origin in (list, tuple, set, frozenset):
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"table of {type_name(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, Model):
        return "table: " + ", ".join(field.name for field in fields(hint))
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def default_of(field: Any) -> str:
    """The default of a setting."""
    if field.required:
        return "required"
    if field.default is msgspec.UNSET:
        return "as it was"
    value = dump(field.default)
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def bounds(meta: Any) -> str:
    """What else limits a value."""
    if meta is None:
        return ""
    names = {
        "ge": "≥",
        "gt": ">",
        "le": "≤",
        "lt": "<",
        "min_length": "length ≥",
        "max_length": "length ≤",
    }
    found = [
        f"{sign} {value:g}"
        for name, sign in names.items()
        if (value := getattr(meta, name)) is not None
    ]
    if meta.pattern:
        found.append(f"matches `{meta.pattern}`")
    refers = (meta.extra or {}).get("x-refers")
    if refers:
        found.append(f"names a {refers}")
    return "; ".join(found)


def settings(model: type[Model]) -> str:
    """The settings of a model, as a table."""
    rows = []
    for field in fields(model):
        help = "; ".join(part for part in (field.help, bounds(field.meta)) if part)
        rows.append(
            f"| `{field.name}` | {cell(type_name(field.type))} | {cell(default_of(field))} | {cell(help)} |"
        )
    if not rows:
        return "It has no settings.\n"
    return (
        "| setting | type | default | what it does |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def paragraph(thing: Any) -> str:
    """The docstring."""
    return inspect.cleandoc(thing.__doc__ or "").strip()


def hooks() -> Iterator[str]:
    """The page of hooks."""
    yield "# Hooks\n\n" + paragraph(hookspecs_module) + "\n"
    for name, function in inspect.getmembers(hookspecs_module, inspect.isfunction):
        if name.startswith("hansa_"):
            signature = str(inspect.signature(function)).replace("'", "")
            yield f"\n## {name}\n\n```python\n{name}{signature}\n```\n\n{paragraph(function)}\n"


def configuration(plugins: Plugins) -> Iterator[str]:
    """The page of config.toml."""
    yield (
        '# config.toml\n\nOne server\'s bootstrap. Any value may be `{ "$env" = "NAME" }`, taken from the environment, or\n'
        '`{ "$file" = "PATH" }`, the content of a file. All faults of a file are told at once, by key. Tables such as\n'
        "`[channel.http.NAME]` are [definitions](types.md) that come with the configuration.\n"
    )
    for name, model in {**CORE_SECTIONS, **dict(sorted(plugins.sections().items()))}.items():
        yield f"\n## [{name}]\n\n{paragraph(model)}\n\n{settings(model)}"


def registered(registry: Registry) -> Iterator[str]:
    """The page of types."""
    yield "# Types\n\nEvery type of every plugin, with the settings of its definitions.\n"
    for kind, name, known in registry.types():
        yield f"\n## {kind} {name}\n\n{paragraph(known.cls)}\n\nGiven by the plugin `{known.plugin}`.\n\n"
        if kind == "format":
            yield f"Content types: {', '.join(f'`{each}`' for each in known.cls.content_types) or 'none'}.\n"
        else:
            yield settings(known.model)


def admin(services: list[Any], registry: Registry) -> Iterator[str]:
    """The page of admin services."""
    yield (
        "# Admin services\n\nCall each as `POST /hansa/api/SERVICE` with JSON and HTTP Basic as `admin`, or from the\n"
        "[command line](commands.md). A running server describes them at `/hansa/api/openapi.json`, and shows them at\n"
        "`/hansa/api/docs`. Errors are problem details (RFC 9457): `status`, `title`, `detail`, `cid`, and `errors` with the fault of\n"
        "each setting.\n"
    )
    prefixes = {
        f"admin.{kind}.{name}": known for kind, name, known in registry.types() if kind != "format"
    }
    by_prefix: dict[str, list[Any]] = {}
    for service in sorted(services, key=lambda each: str(each.get_name())):
        prefix = service.get_name().rpartition(".")[0]
        by_prefix.setdefault(prefix if prefix in prefixes else service.get_name(), []).append(
            service
        )
    for prefix, found in by_prefix.items():
        yield f"\n## {prefix}\n\n"
        if prefix in prefixes:
            anchor = prefix.removeprefix("admin.").replace(".", "-")
            yield f"For definitions of [{prefix.removeprefix('admin.').replace('.', ' ')}](types.md#{anchor}).\n\n"
            yield "| service | what it does | takes |\n|---|---|---|\n"
            of_type = {field.name for field in fields(prefixes[prefix].model)}
            for service in found:
                names = [
                    f"`{field.name}`"
                    for field in fields(service.Input)
                    if field.name not in of_type
                ]
                if of_type & {field.name for field in fields(service.Input)}:
                    names.append("the settings of the type")
                yield f"| `{service.get_name()}` | {cell(paragraph(service))} | {', '.join(names)} |\n"
        else:
            yield f"{paragraph(found[0])}\n"
            if fields(found[0].Input):
                yield "\n" + settings(found[0].Input)


def options(parameters: list[click.Parameter]) -> str:
    """A table of options."""
    shown = [each for each in parameters if isinstance(each, click.Option) and not each.hidden]
    rows = [
        f"| `{', '.join([*each.opts, *each.secondary_opts])}` | {cell(each.help or '')} |\n"
        for each in shown
    ]
    return "\n| option | what it does |\n|---|---|\n" + "".join(rows) if rows else ""


def commands_page() -> Iterator[str]:
    """The page of commands."""
    yield (
        "# Commands\n\n`hansa COMMAND --help` tells the same. Commands for the definitions of types come from the server that is asked,\n"
        "and so exist for every type of every plugin it has. All commands that speak to a server have these options:\n"
    )
    yield options([*connection_options()])
    yield from command_pages(commands, ["hansa"])


def command_pages(
    command: click.Command, path: list[str], context: click.Context | None = None
) -> Iterator[str]:
    """A command and everything below it."""
    here = click.Context(command, info_name=path[-1], parent=context)
    if isinstance(command, click.Group):
        for name in command.list_commands(here):
            inner = command.get_command(here, name)
            if inner is not None and not inner.hidden:
                yield from command_pages(inner, [*path, name], here)
        return
    arguments = [f"{p.make_metavar(here)}" for p in command.params if isinstance(p, click.Argument)]
    yield f"\n## {' '.join([*path, *arguments])}\n\n{inspect.cleandoc(command.help or '').strip()}\n"
    common = {flag for option in connection_options() for flag in option.opts}
    yield options([each for each in command.params if not common & set(each.opts)])


class Nowhere:
    """What plugins see of a server while the pages are written: the registered types, and nothing
    that runs.
    """

    name = "server1"

    def __init__(self, registry: Registry, plugins: Plugins) -> None:
        self.registry = registry
        self.sections = plugins.sections()

    def section(self, name: str) -> Any:
        """The defaults of a plugin's section."""
        return self.sections[name]()

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Any]:
        """None."""
        return []


def pages() -> dict[str, str]:
    """Every page, by file name."""
    registry = Registry()
    plugins = Plugins(registry, (EARLY, FULL))
    plugins.load()
    nowhere = Nowhere(registry, plugins)
    plugins.register_services(nowhere)
    services = [
        each.cls
        for each in registry.services()
        if issubclass(each.cls, Operation) and each.cls.listed
    ]
    # the commands of types are read from a server's description of its API; this is what it would be
    learn(early_client([]), openapi(services, nowhere))
    texts = {
        "hooks.md": "".join(hooks()),
        "configuration.md": "".join(configuration(plugins)),
        "types.md": "".join(registered(registry)),
        "admin.md": "".join(admin(services, registry)),
        "commands.md": "".join(commands_page()),
    }
    return {name: WRITTEN + text for name, text in texts.items()}


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text)
        print(f"docs/reference/{name}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
