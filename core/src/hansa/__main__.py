"""The program `hansa`: what workers are forked from begins to import before anything else is done."""

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:3] == ["server", "run"]:
        # PERF: 11 ms that no other command needs
        from .process.template import early, fork_template

        early.append(fork_template())
    from .cli import commands

    commands(prog_name="hansa")


if __name__ == "__main__":
    main()
