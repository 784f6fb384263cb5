"""`hansa create user` and `hansa update password`."""

from __future__ import annotations

from pathlib import Path

import click

NEW_PASSWORD = "HANSA_PASSWORD"
"""The environment variable with the password that `create user` and `update password` store."""

_PASSWORD_FILE = click.option(
    "--password-file",
    metavar="FILE",
    help="File with the password, - for standard input; else HANSA_PASSWORD, else prompted for.",
)
_PASSWORD = click.option(
    "--password", hidden=True, help="The password, which the list of processes then shows to all."
)


@click.group("create")
def create_group() -> None:
    """Create users, and on several hosts the components of a cluster."""


@create_group.command("user")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--username", required=True, help="Name of the new user.")
@_PASSWORD_FILE
@_PASSWORD
def create_user(path: Path, username: str, password: str | None, password_file: str | None) -> None:
    """Create a user for channels (`security basic`) in the running cluster that PATH is, or belongs
    to.
    """
    from .. import users
    from ..component import open_component

    component = open_component(path)
    users.create_user(component, username, _password(password, password_file))
    click.echo("OK")


@click.group("update")
def update_group() -> None:
    """Change passwords."""


@update_group.command("password")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("username", default="admin")
@_PASSWORD_FILE
@_PASSWORD
def update_password(
    path: Path, username: str, password: str | None, password_file: str | None
) -> None:
    """Change the password of the admin, or of another user, of the cluster that PATH is, or belongs
    to.
    """
    from .. import users
    from ..component import open_component

    component = open_component(path)
    users.update_password(component, username, _password(password, password_file))
    click.echo("OK")


def _password(given: str | None, file: str | None) -> str:
    from ..secret import GivenSecret, secret

    return secret(GivenSecret(given, file), "password", NEW_PASSWORD, "Password")
