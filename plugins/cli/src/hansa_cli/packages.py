"""The commands for what is deployed: `hansa deploy`, and of `hansa service` those for files and folders."""

from __future__ import annotations

import click

from . import output
from .client import Client
from .connection import command
from .sources import read_sources

FILE = click.Argument(["file"])
VERSION = click.Option(
    ["--version"], type=int, help="Number of the version; by default the one that serves."
)


@command(
    "deploy",
    click.Argument(
        ["files"],
        nargs=-1,
        required=True,
        type=click.Path(exists=True),
        metavar="FILE|FOLDER|ZIP...",
    ),
)
def deploy(client: Client, as_json: bool, files: tuple[str, ...]) -> None:
    """Deploy services, helper modules and packages: all that is given, as one change, or nothing.

    FOLDER is a package if it has an __init__.py, else all packages and Python files in it; ZIP is what it holds.
    """
    sources, left_out = read_sources(files)
    with output.progress(f"deploying {', '.join(sources)[:60]}", as_json):
        answer = client.call("admin.service.deploy", {"files": sources})
    if as_json:
        output.print_json(answer)
        return
    for package in answer["packages"]:
        services = ", ".join(package["services"])
        what = f"serves {services}" if services else "is there to be imported"
        output.done(answer, f"{package['file']}: version {package['version']} {what}")
    if left_out:
        click.echo(f"left out, as only Python is deployed: {', '.join(left_out)}", err=True)


@command(
    "packages",
    click.Option(["--filter"], default="", help="Only those whose name contains this text."),
    click.Option(["--all", "all_"], is_flag=True, help="Also versions that do not serve."),
)
def service_packages(client: Client, as_json: bool, filter: str, all_: bool) -> None:
    """List the deployed files and folders: versions, services, and which imports which."""
    answer = client.call("admin.service.packages", {"filter": filter, "all": all_})
    if as_json:
        output.print_json(answer)
    else:
        keys = [
            "file",
            "version",
            "current",
            "services",
            "imports",
            "imported_by",
            "files",
            "deployed_by",
        ]
        output.table(
            [key.replace("_", " ") for key in keys],
            [[i[key] for key in keys] for i in answer["items"]],
            "files",
        )


@command("source", FILE, VERSION)
def service_source(client: Client, as_json: bool, file: str, version: int | None) -> None:
    """Print the source of FILE, or of all files of a folder; the name of a service means the file that gives it."""
    answer = client.call("admin.service.source", {"file": file, "version": version})
    if as_json:
        output.print_json(answer)
        return
    for path, source in answer["files"].items():
        click.echo((f"# {path}\n" if answer["file"].endswith("/") else "") + source, nl=False)


@command(
    "rollback",
    FILE,
    click.Option(["--version"], type=int, help="Version to go back to; by default the one before."),
)
def service_rollback(client: Client, as_json: bool, file: str, version: int | None) -> None:
    """Let an older version of FILE serve again; the name of a service means the file that gives it."""
    answer = client.call("admin.service.rollback", {"file": file, "version": version})
    if as_json:
        output.print_json(answer)
    else:
        output.done(answer, f"{answer['file']}: version {answer['version']} serves")


@command("delete", click.Argument(["names"], nargs=-1, required=True, metavar="NAME..."))
def service_delete(client: Client, as_json: bool, names: tuple[str, ...]) -> None:
    """Take services, with all of their files, out of use; NAME is a service, a file, or a folder with a / at its end."""
    answer = client.call("admin.service.delete", {"name": names[0], "more": names[1:]})
    if as_json:
        output.print_json(answer)
    else:
        output.done(answer, f"deleted {', '.join(names)}")
