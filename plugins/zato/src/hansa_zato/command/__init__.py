"""The command `zato`: the words of Zato's command line, passed on to `hansa`.

`zato service invoke`, `wait`, `migrate`, `enmasse`, `component-version` and `create secret-key` are
its own. The
entry point of the group `hansa.programs` makes hansa-quickstart write the scripts `zato-qs-start.sh`,
`-stop.sh` and `-restart.sh` too.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Final

PROGRAM: Final = "zato"
PROGRAM_VARIABLE: Final = "HANSA_PROGRAM"

PICKUP_LINKS: Final = ("pickup-dir",)
"""What Zato's tutorial calls the pickup folder of a server; a new cluster has links of these names.
"""
API_USERS: Final = ("pubapi", "admin.invoke")
"""The users of Zato's admin API; a new cluster has a random password for each of them."""


def main() -> None:
    """Run the command line; does not return."""
    words = sys.argv[1:]
    if words[:2] == ["service", "invoke"]:
        _need_cli("service invoke")
        from .invoke import invoke

        sys.exit(invoke(words[2:]))
    if words[:1] == ["wait"]:
        _need_cli("wait")
        from .wait import wait

        sys.exit(wait(words[1:]))
    if words[:2] in (["create", "secret-key"], ["create", "secret_key"]):
        from .components import create_secret_key

        sys.exit(create_secret_key())
    if words[:1] == ["migrate"]:
        from .migrate import migrate

        sys.exit(migrate(words[1:]))
    if words[:1] == ["enmasse"]:
        _need_cli("enmasse")
        from .enmasse import enmasse

        sys.exit(enmasse(words[1:]))
    if words[:1] == ["component-version"]:
        from .components import component_version

        sys.exit(component_version(words[1:]))
    if words[:1] == ["--version"]:
        from importlib.metadata import version

        print(f"{PROGRAM}: hansa {version('hansa')}, hansa-zato {version('hansa-zato')}")
        sys.exit(0)
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


def _need_cli(words: str) -> None:
    """End with what to install if hansa-cli, which these words need, is not there."""
    if find_spec("hansa_cli") is None:
        print(f"{PROGRAM} {words} needs hansa-cli, which is not installed", file=sys.stderr)
        sys.exit(1)
