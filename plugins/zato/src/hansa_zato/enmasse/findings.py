"""What is found in files of enmasse, by the codes that Zato has for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from ..payloads import PlainDict

CODES: Final[dict[str, str]] = {
    "W01": "already exists",
    "W02": "definition missing",
    "W20": "not carried over",
    "W21": "key not carried over",
    "W22": "differs",
    "W23": "password kept",
    "W24": "no password",
    "E01": "included twice",
    "E02": "include missing",
    "E03": "cannot be parsed",
    "E04": "name or type missing",
    "E05": "reference missing",
    "E08": "key missing or faulty",
    "E09": "unknown security type",
    "E10": "unknown key",
    "E12": "service missing",
    "E13": "could not be imported",
    "E20": "password missing",
    "E21": "variable not set",
}
"""What each code means. Those below 20 are Zato's; W are warnings, E errors, with which nothing is
changed.
"""

Severity = Literal["warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to be told: its code, where it is, and what to do instead, if anything."""

    code: str
    message: str
    type: str = ""
    name: str = ""
    key: str = ""
    file: str = ""
    line: int = 0
    instead: str = ""

    @property
    def severity(self) -> Severity:
        """Whether it is an error, with which nothing is changed."""
        return "error" if self.code.startswith("E") else "warning"

    @property
    def where(self) -> str:
        """The file and line; empty where it is of no file."""
        if not self.file:
            return ""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def subject(self) -> str:
        """The type, name and key that it is about."""
        words = [_printable(self.type), repr(self.name) if self.name else "", _printable(self.key)]
        return " ".join(filter(None, words))

    def show(self) -> PlainDict:
        """Return it as JSON has it."""
        return {"severity": self.severity, "title": CODES[self.code], **asdict(self)}


def _printable(key: str) -> str:
    """Return a key of a file, so that it does nothing to the terminal of who reads about it."""
    return key if key.isprintable() else repr(key)


@dataclass(frozen=True, slots=True)
class ZatoObject:
    """One object of a file: the key that it is under, its keys and values, and where it is."""

    section: str
    item: PlainDict
    file: Path
    line: int = 0

    @property
    def name(self) -> str:
        """Its name; empty without one."""
        return str(self.item.get("name") or "")

    @property
    def security_type(self) -> str:
        """The type of a security definition; empty for others."""
        return str(self.item.get("type") or "") if self.section in ("def_sec", "security") else ""

    @property
    def type(self) -> str:
        """What it is, as `NOT_CARRIED` and mappings call it."""
        return f"def_sec.{self.security_type}" if self.security_type else self.section

    def finding(self, code: str, message: str, key: str = "", instead: str = "") -> Finding:
        """Return something to be told about it."""
        return Finding(
            code, message, self.section, self.name, key, str(self.file), self.line, instead
        )
