"""`hansa session list | end`, `hansa me` and `hansa password`: who is logged in, who oneself is, and
one's own password.
"""

from __future__ import annotations

import sys

import click
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.definitions import SubjectGroup


@command("me")
def show_me(client: Client, as_json: bool) -> None:
    """Show who calls: its account and roles, and which admin services it may call."""
    answer = client.call("admin.me")
    if as_json:
        output.print_json(answer)
    else:
        output.details(answer)


@command(
    "password",
    click.Option(
        ["--from-stdin"],
        is_flag=True,
        help="Read both from standard input, a line each: the password of now, and the new one.",
    ),
)
def change_password(client: Client, as_json: bool, from_stdin: bool) -> None:
    """Change one's own password; prompts for the one of now, and the new one.

    All sessions of the user end. Files that hold the former password, such as that of
    `--password-file`, have to be changed, too.
    """
    if from_stdin:
        lines = [sys.stdin.readline().rstrip("\r\n") for _ in range(2)]
    else:
        lines = [
            click.prompt("Password", hide_input=True, err=True),
            click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True),
        ]
    if not all(lines):
        raise click.UsageError("standard input has two lines: the password, and the new one")
    answer = client.call("admin.password.change", {"password": lines[0], "new": lines[1]})
    if as_json:
        output.print_json(answer)
    else:
        ended = answer["ended"]
        click.echo(f"changed, revision {answer['revision']}; sessions that have ended: {ended}")


class SessionGroup(SubjectGroup):
    """The admin services of sessions that are of use to who proves by each call who it is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return them: there is no session to confirm."""
        return [name for name in super().list_commands(ctx) if name != "confirm"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return one of them; None for any other."""
        return super().get_command(ctx, name) if name in self.list_commands(ctx) else None


def add_commands(commands: click.Group) -> None:
    """Add them to the `hansa` command."""
    commands.add_command(show_me)
    commands.add_command(change_password)
    commands.add_command(SessionGroup(("session",), "Sessions of who has logged in."))
