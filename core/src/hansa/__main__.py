"""The program `hansa`: the first worker of a server begins to import before anything else is done."""

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:3] == ["server", "run"]:
        # PERF: 11 ms that no other command needs
        from .process.children import early, spawn_worker

        early.append(spawn_worker())
    from .cli import commands

    commands(prog_name="hansa")


if __name__ == "__main__":
    main()
