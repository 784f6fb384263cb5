"""What docs/operations.md says of backups and of the doctor, command by command, with a quickstart
cluster.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import all_but
from hansa_devkit.harness.ports import free_ports
from hansa_devkit.harness.processes import MARK, kill_all, marked
from hansa_devkit.harness.server import BIN, clean_environment
from hansa_devkit.harness.waiting import wait_until

from tools.project import TOP

PAGE = TOP / "docs" / "operations.md"
NEEDED = ["backup", "doctor", "loadbalancer", "pickup", "quickstart", "redis"]


def commands_of(heading: str) -> list[list[str]]:
    """The commands `hansa ...` in the blocks below a heading, as words."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r" *```sh\n(.*?)```", section, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("hansa ")]


class Home:
    """The home folder of an operator, whose `~/env/qs-1` is a cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"backup-{os.getpid()}-{folder.name}"
        self.env = clean_environment(NO_COLOR="1", HOME=str(folder)) | {MARK: self.mark}

    def run(self, *words: str) -> str:
        """Run `hansa`, as its owner would, and return what it printed."""
        done = subprocess.run(
            [str(BIN / "hansa"), *(word.replace("~/", f"{self.folder}/") for word in words)],
            env=self.env,
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=400,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def exported(self, cluster: str) -> str:
        """All definitions of a cluster that runs."""
        file = self.folder / f"{cluster}.json"
        self.run("export", str(file), "--services", "--dir", f"~/env/{cluster}")
        return file.read_text()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home

    def alive() -> object:
        return marked(home.mark, tmp_path)

    kill_all(marked(home.mark, tmp_path))
    wait_until(lambda: not alive(), 30, "everything has ended")


@pytest.mark.timeout(600)
def test_each_command_of_the_recipes(home: Home):
    (home.folder / "backups").mkdir()
    (home.folder / ".hansa-backup").write_text("a passphrase\n")
    port = str(free_ports(12))
    home.run("quickstart", "create", "~/env/qs-1", "--servers", "1", "--base_port", port)
    config = home.folder / "env/qs-1/server1/config.toml"
    blocked = f"\n[plugins]\nblocked = {all_but(NEEDED)!r}\n"
    config.write_text(config.read_text().replace("workers = 2", "workers = 1") + blocked)
    home.run("start", "~/env/qs-1")
    words = ["--username", "größe", "--password", "long enough 4711", "--dir", "~/env/qs-1"]
    home.run("security", "basic", "create", "partner", *words)
    before = home.exported("qs-1")
    assert "größe" in before

    for _, *words in [*commands_of("What to watch"), *commands_of("Upgrade")]:
        if words[0] in ("doctor", "support-bundle", "upgrade"):
            home.run(*words)
    assert (home.folder / "support.tgz").stat().st_mode & 0o777 == 0o600

    ran = 0
    for _, *words in commands_of("Backup and restore"):
        if words[0] == "restore":
            home.run("stop", "~/env/qs-1")
        if words[0] in ("backup", "restore", "check-config", "start"):
            home.run(*words)
            ran += 1
    assert ran == 5

    assert home.exported("qs-2") == before
    home.run("stop", "~/env/qs-2")
