"""`hansa deploy`, `hansa invoke` and `hansa service ...`: services, and the files they come from."""

from __future__ import annotations

import click

from . import output
from .arguments import filter_option, name_argument, payload_option, read_json
from .client import Client
from .connection import command
from .lost import answer_may_be_lost
from .outcome import check_outcomes
from .plain import JsonObject
from .sources import read_sources

FILE = click.Argument(["file"])


@command(
    "deploy",
    click.Argument(
        ["files"],
        nargs=-1,
        required=True,
        type=click.Path(exists=True),
        metavar="FILE|FOLDER|ZIP...",
    ),
    click.Option(
        ["--try", "only_try"], is_flag=True, help="Only try to import it; nothing is deployed."
    ),
)
def deploy(client: Client, as_json: bool, files: tuple[str, ...], only_try: bool) -> None:
    """Deploy services, helper modules and packages: all that is given, as one change, or nothing.

    FOLDER is a package if it has an __init__.py, else all packages and Python files in it;
    ZIP is what it holds.
    """
    sources, left_out = read_sources(files)
    if only_try:
        answer = client.call("admin.service.try", {"files": sources})
        if as_json:
            output.print_json(answer)
        else:
            columns = ("file", "version", "given", "services")
            output.listing(answer["items"], {key: key for key in columns}, "packages")
        return
    named = ", ".join(sources)[:60]
    advice = "`hansa service packages` shows the versions that serve"
    with output.progress(f"deploying {named}", as_json), answer_may_be_lost(advice):
        answer = client.call("admin.service.deploy", {"files": sources})
    if as_json:
        output.print_json(answer)
    else:
        _show_deployed(answer)
        if left_out:
            click.echo(f"left out, as only Python is deployed: {', '.join(left_out)}", err=True)
    check_outcomes(answer)


def _show_deployed(answer: JsonObject) -> None:
    """Print the packages that were deployed, and their services."""
    for package in answer["packages"]:
        services = ", ".join(package["services"])
        what = f"serves {services}" if services else "is there to be imported"
        output.done(answer, f"{package['file']}: version {package['version']} {what}")


@command("invoke", click.Argument(["service"]), payload_option())
def invoke(client: Client, as_json: bool, service: str, payload: str | None) -> None:
    """Call a service and print its answer."""
    data: JsonObject = {"name": service}
    if payload is not None:
        data["payload"] = read_json(payload, "--payload")
    with output.progress(f"invoking {service}", as_json):
        answer = client.call("admin.service.invoke", data)
    if as_json:
        output.print_json(answer)
    elif isinstance(answer["payload"], str):
        click.echo(answer["payload"])
    elif answer["payload"] is not None:
        output.print_json(answer["payload"])


@command(
    "list",
    filter_option(),
    click.Option(["--deployed"], is_flag=True, help="Not those that come with plugins."),
)
def list_services(client: Client, as_json: bool, filter: str, deployed: bool) -> None:
    """List the services, where each comes from and which channels use it."""
    answer = client.call("admin.service.list", {"filter": filter, "builtin": not deployed})
    if as_json:
        output.print_json(answer)
        return
    items = [{**item, "version": item["version"] or ""} for item in answer["items"]]
    columns = {
        "name": "name",
        "origin": "from",
        "version": "version",
        "channels": "channels",
        "help": "help",
    }
    output.listing(items, columns, "services")


@command(
    "get",
    name_argument(),
    click.Option(["--source"], is_flag=True, help="Print the source alone."),
)
def get_service(client: Client, as_json: bool, name: str, source: bool) -> None:
    """Show one service: versions, input, output, channels."""
    answer = client.call("admin.service.get", {"name": name})
    if source:
        click.echo(answer["source"] or "", nl=False)
    elif as_json:
        output.print_json(answer)
    else:
        versions = answer.pop("versions")
        answer.pop("source")
        output.details(answer)
        if versions:
            keys = ["version", "current", "deployed_by", "services", "sha256"]
            output.listing(versions, {key: key for key in keys})


@command(
    "packages",
    filter_option(),
    click.Option(["--all", "all_"], is_flag=True, help="Also versions that do not serve."),
)
def list_packages(client: Client, as_json: bool, filter: str, all_: bool) -> None:
    """List the deployed files and folders: versions, services, and which imports which."""
    answer = client.call("admin.service.packages", {"filter": filter, "all": all_})
    if as_json:
        output.print_json(answer)
        return
    columns = {
        "file": "file",
        "version": "version",
        "current": "current",
        "services": "services",
        "imports": "imports",
        "imported_by": "imported by",
        "files": "files",
        "deployed_by": "deployed by",
    }
    output.listing(answer["items"], columns, "files")


@command(
    "source",
    FILE,
    click.Option(
        ["--version"], type=int, help="Number of the version; by default the one that serves."
    ),
)
def print_source(client: Client, as_json: bool, file: str, version: int | None) -> None:
    """Print the source of FILE, or of all files of a folder.

    The name of a service stands for the file that has it.
    """
    answer = client.call("admin.service.source", {"file": file, "version": version})
    if as_json:
        output.print_json(answer)
        return
    is_folder = answer["file"].endswith("/")
    for path, source in answer["files"].items():
        heading = f"# {path}\n" if is_folder else ""
        click.echo(heading + source, nl=False)


@command(
    "rollback",
    FILE,
    click.Option(["--version"], type=int, help="Version to go back to; by default the one before."),
)
def roll_back(client: Client, as_json: bool, file: str, version: int | None) -> None:
    """Let an older version of FILE serve again.

    The name of a service stands for the file that has it.
    """
    answer = client.call("admin.service.rollback", {"file": file, "version": version})
    output.report(answer, as_json, f"{answer['file']}: version {answer['version']} serves")
    check_outcomes(answer)


@command("delete", click.Argument(["names"], nargs=-1, required=True, metavar="NAME..."))
def delete_services(client: Client, as_json: bool, names: tuple[str, ...]) -> None:
    """Take services, with all of their files, out of use.

    NAME is a service, a file, or a folder with a / at its end.
    """
    answer = client.call("admin.service.delete", {"name": names[0], "more": names[1:]})
    output.report(answer, as_json, f"deleted {', '.join(names)}")
