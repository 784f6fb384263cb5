"""Write docs/reference/*.md from the code: hooks, configuration, types and their settings, admin
services, commands, environment variables, names of Zato.

Run by `make docs`; a test fails when the pages differ from what the code says. It needs every
plugin of the workspace installed.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

import click
import msgspec
from hansa import Model, Secret, dump, fields
from hansa.contract import hookspecs
from hansa_admin.operation import Operation
from hansa_admin.rights import finality_of
from hansa_cli.connection import connection_options

from tools.compatibility import compatibility
from tools.enmasse import enmasse
from tools.environment import variables
from tools.live import Live, leaves, live
from tools.project import TOP, plugins

PAGES = TOP / "docs" / "reference"
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
    yield "# Hooks\n\n" + paragraph(hookspecs) + "\n"
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("hansa_"):
            signature = str(inspect.signature(function)).replace("'", "")
            yield f"\n## {name}\n\n```python\n{name}{signature}\n```\n\n{paragraph(function)}\n"


def configuration(found: Live) -> Iterator[str]:
    """The page of config.toml."""
    yield (
        "# config.toml\n\n"
        'One server\'s bootstrap. Any value may be `{ "$env" = "NAME" }`, taken from the environment, or\n'
        '`{ "$file" = "PATH" }`, the content of a file. All faults of a file are reported at once, by key.\n'
        "Tables such as `[channel.http.NAME]` are [definitions](types.md) that come with the configuration.\n"
    )
    for name, model in found.sections.items():
        yield f"\n## [{name}]\n\n{paragraph(model)}\n\n{settings(model)}"


def provided(plugin: str) -> str:
    """By which plugin a type is provided, and the quality level that it declares."""
    levels = {
        name: level
        for each in plugins()
        for name, level in each.entry_points("hansa.level").items()
    }
    if plugin not in levels:
        return f"Provided by the plugin `{plugin}`."
    return f"Provided by the plugin `{plugin}` ([{levels[plugin]}](../plugins.md#quality-levels))."


def registered(found: Live) -> Iterator[str]:
    """The page of types."""
    yield "# Types\n\nEvery type of every plugin, with the settings of its definitions.\n"
    for each in found.registry.types():
        yield f"\n## {' '.join(each.path)}\n\n{paragraph(each.cls)}\n\n"
        yield f"{provided(each.plugin)}\n\n{settings(each.model)}"
    for format in found.registry.formats():
        content_types = [f"`{name}`" for name in format.cls.content_types]
        yield f"\n## format {format.type}\n\n{paragraph(format.cls)}\n\n"
        yield f"{provided(format.plugin)}\n\n"
        yield f"Content types: {', '.join(content_types) or 'none'}.\n"


def admin(found: Live) -> Iterator[str]:
    """The page of admin services: those of types grouped by type, then the others one by one."""
    yield (
        "# Admin services\n\n"
        "Call each as `POST /hansa/api/SERVICE` with JSON and HTTP Basic as `admin`, or from the\n"
        "[command line](commands.md). A running server describes them at `/hansa/api/openapi.json`\n"
        "and shows them at `/hansa/api/docs`. Errors are problem details (RFC 9457): `status`,\n"
        "`title`, `detail`, `cid`, and `errors` with the fault of each setting. What is final needs\n"
        "the password once more of who logged in a while ago (`admin.session.confirm`).\n"
    )
    models = {".".join(("admin", *each.path)): each.model for each in found.registry.types()}
    groups: dict[str, list[type[Operation]]] = {}
    for service in sorted(found.services, key=lambda each: each.get_name()):
        name = service.get_name()
        prefix = name.rpartition(".")[0]
        groups.setdefault(prefix if prefix in models else name, []).append(service)
    for prefix, services in groups.items():
        yield f"\n## {prefix}\n\n"
        if prefix in models:
            yield from of_type(prefix, models[prefix], services)
        else:
            yield f"{paragraph(services[0])}{finality(services[0])}\n"
            if fields(services[0].Input):
                yield "\n" + settings(services[0].Input)


def finality(service: type[Operation]) -> str:
    """The sentence that says of a service whose calls are final."""
    declared = finality_of(service)
    if declared == "never":
        return ""
    return " Final." if declared == "always" else " Final for some inputs."


def of_type(prefix: str, model: type[Model], services: list[type[Operation]]) -> Iterator[str]:
    """The admin services of one type, as a table."""
    words = prefix.removeprefix("admin.")
    page = f"types.md#{words.replace('.', '-')}"
    yield f"For definitions of [{words.replace('.', ' ')}]({page}).\n\n"
    yield "| service | what it does | takes |\n|---|---|---|\n"
    own = {field.name for field in fields(model)}
    for service in services:
        taken = [field.name for field in fields(service.Input)]
        names = [f"`{name}`" for name in taken if name not in own]
        if own & set(taken):
            names.append("the settings of the type")
        told = cell(paragraph(service) + finality(service))
        yield f"| `{service.get_name()}` | {told} | {', '.join(names)} |\n"


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
        "# Commands\n\n"
        "`hansa COMMAND --help` prints the same. The commands for definitions come from the server\n"
        "that is asked, so they exist for every type of every plugin installed there. All commands\n"
        "that talk to a server have these options:\n"
    )
    yield options([*connection_options()])
    common = {flag for option in connection_options() for flag in option.opts}
    for path, command, context in leaves():
        positional = [each for each in command.params if isinstance(each, click.Argument)]
        arguments = [each.make_metavar(context) for each in positional]
        help = inspect.cleandoc(command.help or "").strip()
        yield f"\n## {' '.join([*path, *arguments])}\n\n{help}\n"
        yield options([each for each in command.params if not common & set(each.opts)])


def environment() -> Iterator[str]:
    """The page of environment variables."""
    yield (
        "# Environment variables\n\n"
        "What servers, commands and test kits read from the environment. Settings of `config.toml`\n"
        'and of definitions may take any other variable, by `{ "$env" = "NAME" }`. Commands also heed\n'
        "`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, unless the server is on the same machine, and\n"
        "`NO_COLOR`.\n\n"
        "| variable | what it is for | read by |\n|---|---|---|\n"
    )
    for one in variables():
        name = f"{one.name}NAME" if one.name.endswith("_") else one.name
        yield f"| `{name}` | {cell(one.purpose)} | {one.reader} |\n"


def pages() -> dict[str, str]:
    """Every page, by file name."""
    found = live()
    texts = {
        "hooks.md": "".join(hooks()),
        "configuration.md": "".join(configuration(found)),
        "types.md": "".join(registered(found)),
        "admin.md": "".join(admin(found)),
        "commands.md": "".join(commands_page()),
        "environment.md": "".join(environment()),
        "enmasse.md": "".join(enmasse()),
        "zato.md": "".join(compatibility()),
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
