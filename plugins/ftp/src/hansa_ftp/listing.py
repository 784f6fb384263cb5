"""What FTP servers say of the files in a folder: lines of MLSD and of LIST, and times."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from ftputil.error import ParserError
from ftputil.stat import MSParser, UnixParser
from hansa_connect.files import Entry, EntryKind

LONGEST_LINE = 4096


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

    None for any other line.
    """
    for parser in (UnixParser(), MSParser()):
        with contextlib.suppress(ParserError, ValueError):
            found = parser.parse_line(line[:LONGEST_LINE])
            return Entry.of(found._st_name, found)
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
