"""The command `zato`: the words of Zato's command line, passed on to `hansa`.

`zato service invoke`, `wait`, `migrate`, `enmasse`, `component-version`, `create secret-key`, `encrypt`
and `decrypt` are its own. The entry point of the group `hansa.programs` makes hansa-quickstart write
the scripts `zato-qs-start.sh`, `-stop.sh` and `-restart.sh` too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final, NamedTuple

PROGRAM: Final = "zato"
PROGRAM_VARIABLE: Final = "HANSA_PROGRAM"

PICKUP_LINKS: Final = ("pickup-dir",)
"""What Zato's tutorial calls the pickup folder of a server; a new cluster has links of these names.
"""
API_USERS: Final = ("pubapi", "admin.invoke")
"""The users of Zato's admin API; a new cluster has a random password for each of them."""


class Own(NamedTuple):
    """A command of this plugin: the module and the function that run it."""

    module: str
    function: str
    needs_cli: bool = False


OWN: Final[dict[tuple[str, ...], Own]] = {
    ("service", "invoke"): Own("invoke", "invoke", needs_cli=True),
    ("wait",): Own("wait", "wait", needs_cli=True),
    ("enmasse",): Own("enmasse", "enmasse", needs_cli=True),
    ("migrate",): Own("migrate", "migrate"),
    ("create", "secret-key"): Own("components", "create_secret_key"),
    ("create", "secret_key"): Own("components", "create_secret_key"),
    ("encrypt",): Own("sealing", "encrypt"),
    ("decrypt",): Own("sealing", "decrypt"),
    ("component-version",): Own("components", "component_version"),
    ("--version",): Own("components", "show_version"),
}
"""The commands that are not passed on, by their first words."""


def main() -> None:
    """Run the command line; does not return."""
    words = sys.argv[1:]
    for first, own in OWN.items():
        if tuple(words[: len(first)]) == first:
            sys.exit(_run(own, first, words[len(first) :]))
    from .components import USAGE, instead_of

    refusal = instead_of(words)
    if refusal:
        print(refusal, file=sys.stderr)
        sys.exit(USAGE)
    if find_spec("hansa_quickstart") is None:
        print(
            f"{PROGRAM}: most of its commands are those of hansa-quickstart, "
            "which is not installed",
            file=sys.stderr,
        )
    # the other command calls itself, and the scripts it names, by the name that was typed
    os.environ[PROGRAM_VARIABLE] = PROGRAM
    os.execv(sys.executable, [sys.executable, "-m", "hansa", *words])


def _run(own: Own, first: Sequence[str], words: Sequence[str]) -> int:
    """Run a command of this plugin with the words that follow; returns its exit code."""
    if own.needs_cli:
        _need_cli(" ".join(first))
    run: Callable[[Sequence[str]], int]
    # lazy: each command takes only what it needs
    run = getattr(import_module(f".{own.module}", __name__), own.function)
    return run(words)


def _need_cli(words: str) -> None:
    """End with what to install if hansa-cli, which these words need, is not there."""
    if find_spec("hansa_cli") is None:
        print(f"{PROGRAM} {words} needs hansa-cli, which is not installed", file=sys.stderr)
        sys.exit(1)
