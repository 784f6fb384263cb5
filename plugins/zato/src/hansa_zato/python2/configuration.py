"""`ConfigParser`: the parsers of INI files, under the names and with the methods that are gone."""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from configparser import (
    DEFAULTSECT,
    MAX_INTERPOLATION_DEPTH,
    DuplicateSectionError,
    Error,
    InterpolationDepthError,
    InterpolationError,
    InterpolationMissingOptionError,
    InterpolationSyntaxError,
    MissingSectionHeaderError,
    NoOptionError,
    NoSectionError,
    ParsingError,
)

from ..payloads import Value

__all__ = [
    "DEFAULTSECT",
    "MAX_INTERPOLATION_DEPTH",
    "ConfigParser",
    "DuplicateSectionError",
    "Error",
    "InterpolationDepthError",
    "InterpolationError",
    "InterpolationMissingOptionError",
    "InterpolationSyntaxError",
    "MissingSectionHeaderError",
    "NoOptionError",
    "NoSectionError",
    "ParsingError",
    "RawConfigParser",
    "SafeConfigParser",
]


class RawConfigParser(configparser.RawConfigParser):
    """One that replaces nothing in values; sections and options may be given twice."""

    def __init__(self, *args: Value, **options: Value) -> None:
        super().__init__(*args, **{"strict": False, **options})

    def readfp(self, fp: Iterable[str], filename: str | None = None) -> None:
        """Read an open file."""
        self.read_file(fp, filename)


class ConfigParser(RawConfigParser, configparser.ConfigParser):
    """One that replaces `%(name)s` in values."""


SafeConfigParser = ConfigParser
