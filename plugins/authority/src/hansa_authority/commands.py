"""The commands `hansa ca create ...`, `hansa ca list` and `hansa ca renew`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .failure import INVALID, Failure
from .subject import AUTHORITY_NAME, Subject

if TYPE_CHECKING:
    from .renewal import Signed

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@click.group()
def ca() -> None:
    """A certificate authority for development."""


@ca.group("create")
def create() -> None:
    """Create an authority, or have it sign certificates."""


def _subject_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the subject of a certificate, in the order of its fields."""
    for field in reversed(fields(Subject)):
        words = field.name.split("_")
        help = f"{' '.join(words).capitalize()} in the subject of the certificate."
        option = click.option(
            f"--{'-'.join(words)}", default=field.default, show_default=True, help=help
        )
        command = option(command)
    return command


@create.command("ca")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False))
@_subject_options
@click.option(
    "--common-name",
    default=AUTHORITY_NAME,
    show_default=True,
    help="Name of the authority.",
)
def create_ca(path: Path, common_name: str, **subject: str) -> None:
    """Create an authority in the empty or new folder PATH."""
    from .authority import create_authority

    folder = path.expanduser().resolve()
    for file in create_authority(folder, Subject(**subject), common_name):
        click.echo(file)


def _add_issuer(name: str, default: str, holder: str) -> None:
    """Add the command that has a certificate signed for a component."""
    help = f"Have the authority in PATH sign a certificate for {holder}, and print its files."

    @create.command(name, help=help)
    @click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
    @click.option(
        "--common-name",
        default=default,
        show_default=True,
        help="Common name in the certificate, and name of its files.",
    )
    @click.option(
        "--host",
        "hosts",
        multiple=True,
        help="Further host name or IP address for which it is valid; repeatable.",
    )
    @_subject_options
    def issue_certificate(
        path: Path, common_name: str, hosts: tuple[str, ...], **subject: str
    ) -> None:
        from .authority import issue

        if not _NAME.fullmatch(common_name):
            allowed = "letters, digits, _ . and -, at most 64"
            raise Failure(f"--common-name: only {allowed}", INVALID)
        folder = path.expanduser().resolve()
        issued = issue(folder, common_name, hosts, Subject(**subject))
        for file in issued.paths:
            click.echo(file)


@ca.command("list")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
def list_certificates(path: Path) -> None:
    """List the certificates of the authority in PATH, or in ca/ of the cluster in PATH.

    Each line has the name, the day on which the certificate ends, the days that are left, the
    components beside the authority that use it, and the hosts that it is for.
    """
    from .renewal import authority_folder, authority_until, signed_by

    folder = authority_folder(path.expanduser().resolve())
    click.echo(f"authority: until {_day(authority_until(folder))}")
    for one in signed_by(folder):
        hosts = ", ".join(one.hosts)
        click.echo(f"{one.name}: until {_day(one.until)}, used by {_users(one)}, for {hosts}")


@ca.command("renew")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--within",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Only those that end within so many days.",
)
def renew_certificates(path: Path, names: tuple[str, ...], within: int | None) -> None:
    """Replace certificates of the authority in PATH, or in ca/ of the cluster in PATH; all, unless
    some are named.

    Each new one has a new key, and is for the same hosts. The components beside the authority get
    it where they use the present one, and serve it while they run.
    """
    from .renewal import alone, authority_folder, renew, select, signed_by

    folder = authority_folder(path.expanduser().resolve())
    with alone(folder):
        chosen = select(signed_by(folder), names, within)
        for one in chosen:
            issued = renew(folder, one)
            click.echo(f"{one.name}: renewed, used by {_users(one)} ({issued.certificate})")
    if not chosen:
        click.echo("nothing is to be renewed")


def _users(signed: Signed) -> str:
    return ", ".join(user.name for user in signed.used_by) or "no component beside it"


def _day(moment: datetime.datetime) -> str:
    left = (moment - datetime.datetime.now(datetime.UTC)).days
    return f"{moment:%Y-%m-%d} ({left} days)"


_add_issuer("server", "server1", "a server")
_add_issuer("lb_agent", "load-balancer", "the load-balancer")
_add_issuer("web_admin", "web-admin", "the web admin")
