"""`hansa session list | end` and `hansa me`: who is logged in, and who oneself is."""

from __future__ import annotations

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
    commands.add_command(SessionGroup(("session",), "Sessions of who has logged in."))
