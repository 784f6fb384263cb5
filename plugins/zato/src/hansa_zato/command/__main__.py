"""Runs the command `zato` as `python -m hansa_zato.command`."""

from __future__ import annotations

from . import main

if __name__ == "__main__":
    main()
