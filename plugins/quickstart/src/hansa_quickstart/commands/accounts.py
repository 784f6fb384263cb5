"""`hansa create user` and `hansa update password`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("create")
def create_group() -> None:
    """Create users."""


@create_group.command("user")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--username", required=True, help="Name of the new user.")
@click.option(
    "--password",
    help="Password of the new user; better given by HANSA_PASSWORD, else prompted for.",
)
def create_user(path: Path, username: str, password: str | None) -> None:
    """Create a user for channels (`security basic`) in the running cluster that PATH is, or belongs
    to.
    """
    from .. import users
    from ..component import open_component

    component = open_component(path)
    users.create_user(component, username, _password(password))
    click.echo("OK")


@click.group("update")
def update_group() -> None:
    """Change passwords."""


@update_group.command("password")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("username", default="admin")
@click.option(
    "--password", help="The new password; better given by HANSA_PASSWORD, else prompted for."
)
def update_password(path: Path, username: str, password: str | None) -> None:
    """Change the password of the admin, or of another user, of the cluster that PATH is, or belongs
    to.
    """
    from .. import users
    from ..component import open_component

    component = open_component(path)
    users.update_password(component, username, _password(password))
    click.echo("OK")


def _password(given: str | None) -> str:
    from ..secret import secret

    return secret(given, "password", "HANSA_PASSWORD", "Password")
