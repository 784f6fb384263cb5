"""The program `hansa`: the first worker of a server begins to import before anything else is done."""

import sys

from .process.children import early, spawn_worker


def main() -> None:
    """Run the command line."""
    if sys.argv[1:3] == ["server", "run"]:
        early.append(spawn_worker())
    from .cli import commands

    commands(prog_name="hansa")


if __name__ == "__main__":
    main()
