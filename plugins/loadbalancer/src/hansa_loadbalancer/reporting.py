"""How commands of the load-balancer print what became of a change."""

from __future__ import annotations

import click
from hansa_cli import output
from hansa_cli.plain import JsonObject

HOW = {"live": " (changed live)", "reload": " (by a reload)", "": " (it was so already)"}
"""How a change came into force, as it is printed."""


def report(answer: JsonObject, as_json: bool, line: str) -> None:
    """Print the answer to a change: as JSON, or what was changed and how."""
    if as_json:
        output.print_json(answer)
        return
    if "how" in answer:
        line += HOW[answer["how"]]
    click.echo(line)
