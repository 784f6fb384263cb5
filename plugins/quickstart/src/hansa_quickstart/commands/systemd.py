"""`hansa systemd`: units that start the components of this host with the machine."""

from __future__ import annotations

import pwd
from pathlib import Path

import click

from ..failure import INVALID, Failure
from .components import EXISTING_FOLDER


@click.command()
@EXISTING_FOLDER
@click.option(
    "--to",
    "to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; by default systemd in PATH. For the units of the machine: "
    "/etc/systemd/system.",
)
def systemd(path: Path, to: Path | None) -> None:
    """Write units of systemd for a cluster, or one component: a service for each, hardened, and a
    target for all; units that are there are replaced. They run as the owner of PATH, never as root.
    """
    from hansa import replace_file

    from ..component import open_component
    from ..units import Units

    component = open_component(path)
    units = Units(component, owner_of(component.folder))
    folder = to or component.folder / "systemd"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in units.files().items():
            replace_file(folder / name, text)
            (folder / name).chmod(0o644)
            click.echo(str(folder / name))
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror}") from None
    if to is None:
        click.echo(f"sudo cp {folder}/hansa-* /etc/systemd/system/")
    click.echo(f"sudo systemctl daemon-reload && sudo systemctl enable --now {units.target}")


def owner_of(folder: Path) -> str:
    """Return the user to whom a folder belongs; raises `Failure` if that is root."""
    number = folder.stat().st_uid
    if number == 0:
        message = f"{folder} belongs to root, as whom no unit runs: chown -R it to another user"
        raise Failure(message, INVALID)
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
