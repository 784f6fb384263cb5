"""What FTP servers say of the files in a folder: lines of MLSD and of LIST, and times."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime

from ftputil.error import ParserError
from ftputil.stat import MSParser, UnixParser
from hansa_connect.files import Entry, EntryKind

LONGEST_LINE = 4096
_UNIX_LINE = re.compile(
    r"(?P<about>\S+(?:\s+\S+){3,4}\s+[A-Za-z]{3}\s+\d{1,2}\s+(?:\d{1,2}:\d\d|\d{4})) (?P<name>.+)",
    re.DOTALL,
)
_WINDOWS_LINE = re.compile(
    r"(?P<about>\S+\s+\S+\s+(?:\d+|<DIR>(?:\s{9})?)) (?P<name>.+)", re.DOTALL
)
_FORMS = ((_UNIX_LINE, UnixParser), (_WINDOWS_LINE, MSParser))


def split_lines(text: str) -> list[str]:
    """Return the lines of a listing, which end with CR LF (RFC 959, section 3.1.1.1).

    Only where a server ends none of them so, LF ends a line: else it is a character of a name.
    """
    return text.split("\r\n" if "\r\n" in text else "\n")


def parse_facts(line: str) -> Entry | None:
    """Return the entry that a line of MLSD describes (RFC 3659, section 7).

    None for the folder itself and the one above, and for a line without a name. Raises ValueError
    for a size that is not a number.
    """
    text, _, name = line.partition(" ")
    facts: dict[str, str] = {}
    for each in text.split(";"):
        key, _, value = each.lower().partition("=")
        facts[key] = value
    kind = facts.get("type", "")
    size = int(facts.get("size", 0))
    modified = parse_time(facts.get("modify", ""))
    if not name or kind in ("cdir", "pdir"):
        return None
    return Entry(name, size, modified, _entry_kind(kind))


def _entry_kind(kind: str) -> EntryKind:
    if kind == "file":
        return "file"
    if kind == "dir":
        return "folder"
    if "link" in kind:
        return "link"
    return "other"


def parse_line(line: str) -> Entry | None:
    """Return the entry that a line of LIST describes, as Unix or Windows has it.

    One blank separates the name from what precedes it; further blanks belong to the name. None for
    any other line.
    """
    for form, parser in _FORMS:
        parts = form.fullmatch(line[:LONGEST_LINE])
        if parts is None:
            continue
        with contextlib.suppress(ParserError, ValueError):
            # ftputil would drop blanks before the name, and read an arrow in the name of a file
            found = parser().parse_line(f"{parts['about']} name")
            entry = Entry.of(parts["name"], found)
            if entry.kind == "link":
                return replace(entry, name=entry.name.partition(" -> ")[0])
            return entry
    return None


def parse_time(text: str) -> float:
    """Return a time as YYYYMMDDHHMMSS, fractions allowed (RFC 3659, section 2.3), in Unix seconds.

    0 for what is not a time.
    """
    try:
        moment = datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S")
    except ValueError:
        return 0.0
    return moment.replace(tzinfo=UTC).timestamp()
