"""The commands `hansa backup create`, `hansa backup check` and `hansa restore`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from .manifest import Manifest

PASSPHRASE: Final = "HANSA_BACKUP_PASSPHRASE"
"""The environment variable with the passphrase by which backups are encrypted."""

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
_PASSPHRASE = click.option(
    "--passphrase-file",
    "passphrase_file",
    metavar="FILE",
    help="File with the passphrase by which the backup is encrypted, - for standard input; else "
    f"{PASSPHRASE}; without either it is not encrypted.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")


@click.group()
def backup() -> None:
    """Back up a cluster into one file, while it serves."""


@backup.command()
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_PASSPHRASE
@click.option(
    "--longest-pause",
    type=click.FloatRange(0.01, 600),
    default=2.0,
    show_default=True,
    help="Seconds for which writes to Redis may wait while it is copied; servers wait 3.",
)
@_JSON
def create(
    path: Path, file: Path, passphrase_file: str | None, longest_pause: float, as_json: bool
) -> None:
    """Back up the cluster or server in the folder PATH into a new FILE, which only you can read.

    It has the ODB, the promises in Redis, keys, certificates and configuration.
    """
    from hansa_quickstart.place import open_place

    from .making import Making

    passphrase = _passphrase(passphrase_file)
    making = Making(open_place(path), longest_pause, lambda text: click.echo(text, err=as_json))
    manifest = making.make(file.expanduser().resolve(), passphrase)
    if not passphrase:
        click.echo("Warning: FILE has all keys and secrets, and is not encrypted", err=True)
    _show(manifest, as_json)


@backup.command()
@_FILE
@_PASSPHRASE
@_JSON
def check(file: Path, passphrase_file: str | None, as_json: bool) -> None:
    """Check that a backup is whole and unchanged, and show what it holds."""
    from .archive import check_archive

    manifest = check_archive(file, _passphrase(passphrase_file))
    if not as_json:
        for line in summary(manifest):
            click.echo(line)
    _show(manifest, as_json)


@click.command()
@_FILE
@click.argument("path", type=click.Path(path_type=Path, file_okay=False))
@_PASSPHRASE
@click.option(
    "--odb-url-file",
    metavar="FILE",
    help="File with the URL of an empty database that becomes the ODB, in place of the one of the "
    "backup; - for standard input.",
)
@click.option(
    "--redis-address-file",
    metavar="FILE",
    help="File with the address of the Redis to use in place of the one of the backup.",
)
@_JSON
def restore(
    file: Path,
    path: Path,
    passphrase_file: str | None,
    odb_url_file: str | None,
    redis_address_file: str | None,
    as_json: bool,
) -> None:
    """Restore a backup into the new or empty folder PATH, an empty ODB and a Redis without keys of
    the cluster; then start it.
    """
    from .restoring import Elsewhere, Restoring

    passphrase = _passphrase(passphrase_file)
    elsewhere = Elsewhere(_first_line(odb_url_file), _first_line(redis_address_file))
    folder = path.expanduser().resolve()
    restoring = Restoring(folder, elsewhere, lambda text: click.echo(text, err=as_json))
    manifest = restoring.restore(file.resolve(), passphrase)
    if not as_json:
        click.echo(f"Start the cluster by hansa start {folder}")
    _show(manifest, as_json)


def summary(manifest: Manifest) -> list[str]:
    """Return what a backup holds, as lines."""
    return [
        f"{manifest.cluster}, made {manifest.made} of {manifest.folder}",
        f"Hansa {manifest.hansa}, Python {manifest.python}",
        f"ODB ({manifest.odb}): schema {manifest.schema}, revision {manifest.revision}, "
        f"{sum(manifest.rows.values())} rows",
        f"Redis: {manifest.keys} keys",
        f"{len(manifest.members) - 2} files",
    ]


def _show(manifest: Manifest, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(manifest), indent=1))
        return
    for warning in manifest.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _passphrase(file: str | None) -> str:
    """Return the passphrase; empty if none is given. Raises `Failure` for an empty one."""
    from hansa_quickstart.failure import INVALID, Failure

    if file is None:
        return os.environ.get(PASSPHRASE, "")
    found = _first_line(file)
    if not found:
        raise Failure(f"{file}: the passphrase is empty", INVALID)
    return found


def _first_line(file: str | None) -> str:
    """Return the first line of a file, of standard input for `-`; empty without one."""
    from hansa_quickstart.secret import GivenSecret, secret

    return "" if file is None else secret(GivenSecret(None, file), "", "", "")
