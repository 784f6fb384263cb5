"""`hansa compare`: how the configuration of a cluster differs from that of another one."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .client import Client
from .connection import command
from .contexts import read_contexts
from .location import choose, locate_password, locate_server, locate_trust
from .plain import JsonObject

RESULTS = {"differs": "≠", "unknown": "?", "only_here": "+", "only_there": "−"}
"""The mark of each result."""
LONGEST = 200
"""Characters of a value that are printed."""


@command(
    "compare",
    click.Argument(["other"]),
    click.Option(["--services"], is_flag=True, help="Also the sources of deployed files."),
    click.Option(
        ["--result"],
        type=click.Choice(list(RESULTS)),
        help="Only objects of this result.",
    ),
    click.Option(["--filter"], default="", help="Only objects whose kind, type or name has this."),
    click.Option(
        ["--limit"],
        type=click.IntRange(min=1, max=10_000),
        default=200,
        show_default=True,
        help="Maximum number of objects.",
    ),
    click.Option(["--other-user"], metavar="NAME", help="User in the other cluster."),
    click.Option(
        ["--other-password-file"], metavar="FILE", help="File with the password of that user."
    ),
    click.Option(
        ["--other-ca"], metavar="FILE", help="Certificate authority to trust for the other cluster."
    ),
)
def compare(
    client: Client,
    as_json: bool,
    other: str,
    services: bool,
    result: str | None,
    filter: str,
    limit: int,
    other_user: str | None,
    other_password_file: str | None,
    other_ca: str | None,
) -> None:
    """Show how definitions differ from those of OTHER: a context, the address of a server, or the folder
    of one. Of secrets only whether they differ is told.
    """
    import secrets

    asked: JsonObject = {"salt": secrets.token_hex(32), "services": services}
    there = _client(other, other_user, other_password_file, other_ca)
    described = there.call("admin.config.describe", asked)
    wanted = {"other": described, "result": result or "", "filter": filter, "limit": limit}
    answer = client.call("admin.config.compare", {**asked, **wanted})
    if as_json:
        output.print_json(answer)
    else:
        _print(answer)


def _client(other: str, user: str | None, password_file: str | None, ca: str | None) -> Client:
    """Return a client of the other cluster; raises a usage error if there is none of this name."""
    is_address = "://" in other
    is_folder = not is_address and Path(other).expanduser().is_dir()
    choice = choose(
        {
            "hansa_server": other if is_address else None,
            "hansa_dir": other if is_folder else None,
            "hansa_context": None if is_address or is_folder else other,
            "hansa_user": user,
            "hansa_password_file": password_file,
            "hansa_ca": ca,
        }
    )
    password = locate_password(
        choice.password_file,
        _folder(other, is_address=is_address, is_folder=is_folder),
        choice.user,
        environment=False,
    )
    if password is None:
        message = f"--other-password-file: no password of {choice.user} is known for {other}"
        raise click.UsageError(message)
    return Client(locate_server(choice), password, locate_trust(choice), choice.user)


def _folder(other: str, *, is_address: bool, is_folder: bool) -> Path | None:
    """Return the folder in which the password of the other cluster may be. That of the current folder,
    as that in the environment, is this cluster's, and not to be sent to another one.
    """
    folder = other if is_folder else None
    if not is_address and not is_folder:
        folder = read_contexts().get(other).dir
    return Path(folder).expanduser() if folder else None


def _print(answer: JsonObject) -> None:
    for one in answer["items"]:
        words = one["result"].replace("_", " ")
        subject = " ".join((one["kind"], one["type"], one["name"]))
        click.echo(output.printable(f"{RESULTS[one['result']]} {subject}: {words}"))
        for name, each in one["settings"].items():
            click.echo(output.printable(f"    {name}: {_described(one['result'], each)}"))
        for line in one["source"]:
            click.echo(output.printable(f"    {line}"))
    counts = answer["counts"]
    if len(answer["items"]) < answer["total"]:
        click.echo(f"{len(answer['items'])} of {answer['total']} are shown (--limit)")
    click.echo(
        f"{counts['differs']} differ, {counts['only_here']} are only here, "
        f"{counts['only_there']} only there, {answer['same']} are the same, "
        f"of {counts['unknown']} it cannot be told"
    )


def _described(result: str, each: JsonObject) -> str:
    if each["result"] == "unknown":
        return "cannot be compared (stored as a hash, or with another key)"
    if each["secret"]:
        return "a secret" if result.startswith("only") else "differs (secret)"
    if result.startswith("only"):
        return _value(each["here"] if result == "only_here" else each["there"])
    return f"{_value(each['here'])} here, {_value(each['there'])} there"


def _value(value: object) -> str:
    text = output.text(value) or "nothing"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
