"""Lines of the texts that people edit, by which faults name a place: those of settings in config.toml,
and those of a template in what it generates.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

_TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")
_LIST_OF_TABLES = re.compile(r"\s*\[\[\s*([\w.-]+)\s*\]\]")
_SETTING = re.compile(r"""\s*["']?([\w.-]+)["']?\s*=""")


@dataclass(frozen=True)
class Filled:
    """What a template makes: a text, and for each of its lines the line of the template, from 1."""

    text: str
    origins: tuple[int, ...]


def filled(template: str, values: Mapping[str, object]) -> Filled:
    """Return a template with its values in it; raises `ValueError` for a placeholder that is not known
    or not valid, with its line.
    """
    parts: list[str] = []
    origins: list[int] = []
    for number, line in enumerate(template.splitlines(keepends=True), 1):
        try:
            part = string.Template(line).substitute(values)
        except KeyError as error:
            raise ValueError(f"line {number}: there is no placeholder {error.args[0]}") from None
        except ValueError:
            fault = f"line {number}: a $ begins no placeholder; $$ stands for a $"
            raise ValueError(fault) from None
        parts.append(part)
        origins += [number] * len(part.splitlines())
    return Filled("".join(parts), tuple(origins))


def line_of(text: str, setting: str) -> int:
    """Return the line, from 1, in which TOML has a setting such as `loadbalancer.servers[1].weight`, or
    what it is in; 0 if it has neither.
    """
    found = longest = 0
    lists: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        here, table = _place(line, table, lists)
        is_around = setting == here or setting.startswith((f"{here}.", f"{here}["))
        if here and is_around and len(here) > longest:
            found, longest = number, len(here)
    return found


def _place(line: str, table: str, lists: dict[str, int]) -> tuple[str, str]:
    """Return the path of what a line begins, empty if nothing, and the table that it is in."""
    several = _LIST_OF_TABLES.match(line)
    if several:
        name = several[1]
        lists[name] = lists.get(name, -1) + 1
        table = f"{name}[{lists[name]}]"
        return table, table
    one = _TABLE.match(line)
    if one:
        return one[1], one[1]
    given = _SETTING.match(line)
    if given:
        return f"{table}.{given[1]}".strip("."), table
    return "", table


def with_lines(faults: Mapping[str, str], text: str, path: str) -> dict[str, str]:
    """Return faults with the line of the edited text at which each is; `path` is the file that the
    settings in faults may be preceded by.
    """
    found: dict[str, str] = {}
    for key, fault in faults.items():
        setting = "stored" if key == path else key.removeprefix(f"{path}: ")
        line = line_of(text, setting)
        found[setting] = f"line {line}: {fault}" if line else fault
    return found
