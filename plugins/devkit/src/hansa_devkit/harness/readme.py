"""The example of a plugin's README, for a test that runs it as written: files are marked with
`<!-- run: NAME -->`, lines of `hansa` with `<!-- run -->`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_FILE = re.compile(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", re.S)
_COMMANDS = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.S)


class ReadmeExample:
    """What the README of the plugin in a folder says is to be run: its `config`, which is
    config.toml, the other `files` by name, and `commands` as arguments of `hansa`.
    """

    def __init__(self, folder: Path) -> None:
        text = (folder / "README.md").read_text()
        self.files: dict[str, str] = dict(_FILE.findall(text))
        self.config = self.files.pop("config.toml")
        lines = "".join(_COMMANDS.findall(text)).splitlines()
        self.commands = [shlex.split(line)[1:] for line in lines]
