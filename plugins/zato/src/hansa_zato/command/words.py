"""The words that `hansa` has for those who come from Zato: `import zato`, `report zato`, `zato export`."""

from __future__ import annotations

from pathlib import Path

import click
from hansa_cli.client import Client
from hansa_cli.connection import command


@command(
    "zato",
    click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    click.Option(
        ["--apply", "applied"], is_flag=True, help="Make the changes, all of them or none."
    ),
    click.Option(
        ["--check"],
        is_flag=True,
        help="End with 4 if something would change, and with 5 if something is not carried over.",
    ),
    click.Option(
        ["--passwords"],
        is_flag=True,
        help="Replace passwords that are kept as hashes by those of the file; they stay otherwise.",
    ),
    click.Option(
        ["--keep-variables"],
        is_flag=True,
        help="Leave passwords that name a variable to the environment of the servers.",
    ),
    click.Option(
        ["--without"],
        multiple=True,
        metavar="KEY",
        help="Leave out what is under this key of the file; may be given several times.",
    ),
    click.Option(
        ["--wait"],
        type=click.FloatRange(0, 3600),
        default=0.0,
        show_default=True,
        help="Seconds to wait for services that are to be deployed yet.",
    ),
)
def import_zato(client: Client, as_json: bool, file: Path, **given: object) -> None:
    """Show what importing a file of enmasse would change; with --apply, change it.

    FILE is JSON of Zato 1.1 or 2.0, YAML of 3.x, or minimal YAML of 3.2 and 4, with its includes.
    Exit codes: 0 done, 1 the file or the server has errors and nothing is changed, 2 usage, 3 no
    server answers or a definition does not run, 4 and 5 as --check says.
    """
    from .transfer import run_import  # lazy: it takes as long as the rest of the command line

    run_import(client, as_json, file, given)


@command(
    "export",
    click.Argument(["file"]),
    click.Option(
        ["--form"],
        type=click.Choice(["2.0", "3.x", "minimal"]),
        default="3.x",
        show_default=True,
        help="JSON of 2.0, YAML of 3.x, or minimal YAML of 3.2 and 4.",
    ),
)
def export_zato(client: Client, as_json: bool, file: str, form: str) -> None:
    """Write the definitions as a file of enmasse; - prints it.

    Passwords are not written: files of 2.0 have none, others name environment variables.
    """
    from .transfer import run_export  # lazy: as above

    run_export(client, as_json, file, form)


@click.command("zato")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a page.")
@click.option("--all", "everything", is_flag=True, help="Also what runs.")
@click.option(
    "--check",
    is_flag=True,
    help="End with 4 if something differs, and with 5 if something is missing.",
)
def report_zato(
    folder: Path, as_json: bool, html: Path | None, everything: bool, check: bool
) -> None:
    """Say what of the services and enmasse files in FOLDER runs here, what differs, and what is missing.

    Services are read, and neither imported nor run. No server is needed.
    """
    from .reporting import run_report  # lazy: as above

    run_report(folder, as_json=as_json, html=html, everything=everything, check=check)


_GROUPS = {
    "import": ("Import the configuration of other programs.", import_zato),
    "report": ("What a move from another program takes.", report_zato),
    "zato": ("Files of Zato.", export_zato),
}


def add_words(commands: click.Group) -> None:
    """Add them to the `hansa` command."""
    for name, (help, member) in _GROUPS.items():
        group = commands.commands.get(name)
        if not isinstance(group, click.Group):
            group = click.Group(name, help=help)
            commands.add_command(group)
        group.add_command(member)
