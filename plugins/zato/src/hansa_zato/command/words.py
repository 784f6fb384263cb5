"""The words that `hansa` has for those who come from Zato: `import zato`, `report zato`, `zato export`."""

from __future__ import annotations

import click

from .reporting import report_zato
from .transfer import export_zato, import_zato

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
