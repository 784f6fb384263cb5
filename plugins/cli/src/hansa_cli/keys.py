"""`hansa key list | new | rotate`: the key that encrypts the secrets of a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .client import Client
from .connection import command

SHOWN = 12
"""Digits of a fingerprint that are shown."""


@command("list")
def list_keys(client: Client, as_json: bool) -> None:
    """Show by fingerprints which key the cluster uses, and which keys its servers hold."""
    answer = client.call("admin.key.list")
    if as_json:
        output.print_json(answer)
        return
    click.echo(f"current key {answer['current'][:SHOWN]}")
    rows = []
    for server in answer["servers"]:
        keys = ", ".join(key[:SHOWN] for key in server["keys"])
        rows.append([server["name"], server["host"], server["file"] or "(configuration)", keys])
    output.table(["server", "host", "file", "keys"], rows, "servers")


@click.command("new")
def print_new() -> None:
    """Print a new key, for a server whose key is in its configuration."""
    from hansa import KeyFile

    click.echo(KeyFile.new_key())


@command(
    "rotate",
    click.Option(
        ["--from", "given"],
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Key file of a server on another machine where this was run before.",
    ),
)
def rotate(client: Client, as_json: bool, given: Path | None) -> None:
    """Replace the key while all servers serve; the old one is kept beside the key files.

    What was interrupted is finished by running it again. On each machine of a cluster it changes
    the key files of the servers there, and says what is left to do on others.
    """
    from hansa import Invalid

    from .key_rotation import KeyRotation, Stopped

    def say(line: str) -> None:
        if not as_json:
            click.echo(line)

    try:
        kept = KeyRotation(client, say).run(given)
    except Invalid as invalid:
        raise Stopped("; ".join(invalid.errors.values())) from None
    except OSError as error:
        raise Stopped(f"a key file cannot be changed: {error}") from None
    if as_json:
        output.print_json({**client.call("admin.key.list"), "kept": kept})
