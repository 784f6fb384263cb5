"""The reference page of Zato's files of enmasse: what is carried over, key by key, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

from hansa_zato.enmasse.findings import CODES
from hansa_zato.mapping import MAPPINGS, NOT_CARRIED, Mapping
from hansa_zato.mapping.parts import Part, Unused


def enmasse() -> Iterator[str]:
    """The page, from the mappings of hansa-zato."""
    yield (
        "# Files of enmasse\n\n"
        "What each object of Zato becomes, key by key. `hansa import zato` and `zato enmasse` read\n"
        "files by it, `hansa zato export` writes them; see [Moving from Zato](../moving-from-zato.md).\n\n"
        "| key of a file | in minimal files | becomes |\n|---|---|---|\n"
    )
    for mapping in MAPPINGS:
        name = _shown(mapping.zato)
        minimal = _shown(mapping.minimal) if mapping.minimal else ""
        yield f"| {name} | {minimal} | {mapping.kind} {mapping.type} |\n"
    for mapping in MAPPINGS:
        yield from _section(mapping)
    yield from _not_carried()
    yield "\n## Codes\n\n| code | means |\n|---|---|\n"
    for code, title in CODES.items():
        yield f"| `{code}` | {title} |\n"


def _shown(key: str) -> str:
    """The key, and the type of a security definition."""
    section, _, type = key.partition(".")
    return f"`{section}` of type `{type}`" if type else f"`{section}`"


def _section(mapping: Mapping) -> Iterator[str]:
    yield f"\n## {_shown(mapping.zato).replace('`', '')}\n\n"
    yield f"Becomes {mapping.kind} {mapping.type}."
    if mapping.base is not None:
        yield f" It has the keys of the `{mapping.base.zato}` that it names, too."
    if mapping.note:
        yield f" {mapping.note[0].upper()}{mapping.note[1:]}."
    yield "\n\n| keys | settings |\n|---|---|\n"
    for part in mapping.every_part():
        yield from _row(part)


def _row(part: Part) -> Iterator[str]:
    if isinstance(part, Unused):
        instead = f"; instead: {part.instead}" if part.instead else ""
        yield f"| {_listed(part.keys)} | not carried over: {part.why}{instead} |\n"
    elif part.keys and part.settings:
        yield f"| {_listed(part.keys)} | {_listed(part.settings)} |\n"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def _not_carried() -> Iterator[str]:
    yield "\n## What is not carried over\n\n| key of a file | why | instead |\n|---|---|---|\n"
    for key, reason in sorted(NOT_CARRIED.items()):
        yield f"| {_shown(key)} | {reason.why} | {reason.instead} |\n"
