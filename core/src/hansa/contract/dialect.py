"""What a plugin gives to have sources of services read in a dialect of Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Protocol


class Dialect(Protocol):
    """A module that `hansa_dialects` names: how sources of a dialect are read.

    All of it holds for the sources of a package alone: nothing is changed for other modules of the
    process. It is used in workers and in trial imports.
    """

    def speaks(self, files: Mapping[str, str]) -> bool:
        """Return whether a package, given by its sources by path, is written in the dialect."""

    def parse(self, text: str, file: str) -> ast.Module:
        """Return the syntax tree of a source that is to be run; raises `SyntaxError`."""

    def builtins(self) -> Mapping[str, object]:
        """Return the names that its sources have besides the built-in ones of Python."""

    def find(self, name: str) -> ModuleType | None:
        """Return what its sources import by an absolute name, which may have dots; None for what
        Python imports by it.
        """
