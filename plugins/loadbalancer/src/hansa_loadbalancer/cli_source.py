"""The commands of the load-balancer's configuration as a text: `hansa loadbalancer source`, `check`,
`save`, `versions` and `restore`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from hansa_cli import output
from hansa_cli.arguments import text_of
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.plain import JsonObject

from .reporting import report

WOULD = {"live": ", live", "reload": ", by a reload", "": ": nothing would change"}
"""How a change would come into force, as it is printed."""


@command(
    "source",
    click.Option(
        ["--stored"], is_flag=True, help="config.toml, from which HAProxy's is generated."
    ),
    click.Option(["--template"], is_flag=True, help="The template by which it is generated."),
    click.Option(
        ["--version"],
        type=click.IntRange(min=1),
        help="What was stored in a version that was replaced (hansa loadbalancer versions).",
    ),
)
def source(
    client: Client, as_json: bool, stored: bool, template: bool, version: int | None
) -> None:
    """Print HAProxy's configuration."""
    answer = client.call("admin.loadbalancer.source", {"version": version} if version else {})
    part = "generated"
    if stored or version:
        part = "stored"
    if template:
        part = "template"
    if as_json:
        output.print_json(answer)
    else:
        click.echo(answer[part], nl=False)


TEMPLATE = click.Option(
    ["--template"],
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a template of HAProxy's configuration that is to serve, too.",
)
EDITED = click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path))


def _edited(file: Path, template: Path | None) -> JsonObject:
    """Return what is sent of edited files."""
    data: JsonObject = {"stored": text_of(file)}
    if template is not None:
        data["template"] = text_of(template)
    return data


@command("check", EDITED, TEMPLATE)
def check(client: Client, as_json: bool, file: Path, template: Path | None) -> None:
    """Have the load-balancer judge FILE, an edited config.toml; nothing is changed."""
    answer = client.call("admin.loadbalancer.check", _edited(file, template))
    if as_json:
        output.print_json(answer)
    elif answer["faults"]:
        output.print_faults(f"The load-balancer refuses {file}:", answer["faults"])
    else:
        click.echo(f"{file} can be saved{WOULD[answer['how']]}")
    if answer["faults"]:
        sys.exit(1)


@command(
    "save",
    EDITED,
    TEMPLATE,
    click.Option(
        ["--seen"],
        default="",
        help="Digest of the text that was edited (hansa loadbalancer source --json): "
        "refused if it is another one by now.",
    ),
)
def save(client: Client, as_json: bool, file: Path, template: Path | None, seen: str) -> None:
    """Store FILE as the load-balancer's config.toml; it serves at once, unless it is refused."""
    data = {**_edited(file, template), "seen": seen}
    report(client.call("admin.loadbalancer.save", data), as_json, f"{file} serves")


@command("versions")
def versions(client: Client, as_json: bool) -> None:
    """List the configurations that were replaced by a save."""
    answer = client.call("admin.loadbalancer.versions")
    if as_json:
        output.print_json(answer)
        return
    rows = [[one["number"], output.moment(one["until"]), one["by"]] for one in answer["items"]]
    output.table(["version", "until", "replaced by"], rows, "versions")


@command("restore", click.Argument(["version"], type=click.IntRange(min=1)))
def restore(client: Client, as_json: bool, version: int) -> None:
    """Let a configuration that was replaced serve again."""
    answer = client.call("admin.loadbalancer.restore", {"version": version})
    report(answer, as_json, f"version {version} serves again")


COMMANDS: tuple[click.Command, ...] = (source, check, save, versions, restore)
