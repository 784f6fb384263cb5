"""Units of systemd: checked by systemd itself, for folders whose names have what it reads as more."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hansa.cli import commands
from hansa_authority.description import describe
from hansa_quickstart.commands.systemd import owner_of
from hansa_quickstart.component import KVDB, LOAD_BALANCER, QUICKSTART, SERVER, Component
from hansa_quickstart.failure import Failure
from hansa_quickstart.units import Units

SOMEBODY = 54321
PARTS = {
    "kvdb": (KVDB, ""),
    "load-balancer": (LOAD_BALANCER, '[loadbalancer]\nbind = "0.0.0.0:80"\n'),
    "server1": (SERVER, "[server]\ngrace = 7\n"),
}


def cluster(folder: Path) -> Component:
    """Make what is known of a cluster, which belongs to somebody else than root."""
    folder.mkdir()
    describe(folder, QUICKSTART, components=list(PARTS))
    for name, (kind, config) in PARTS.items():
        part = folder / name
        part.mkdir()
        describe(part, kind)
        (part / "config.toml").write_text(config)
    if os.getuid() == 0:
        os.chown(folder, SOMEBODY, -1)
    return Component(folder)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["systemd", *arguments], prog_name="hansa")


@pytest.mark.parametrize("name", ["qs-1", 'a "new" $HOME %h\\n ü'])
def test_systemd_finds_no_fault(tmp_path: Path, name: str):
    made = cluster(tmp_path / name)
    to = tmp_path / "units"
    result = run(str(made.folder), "--to", str(to))
    assert result.exit_code == 0, result.output
    files = sorted(to.iterdir())
    assert len(files) == len(PARTS) + 1
    verify = shutil.which("systemd-analyze")
    assert verify, "see tools/test-needs.sh"
    told = subprocess.run(
        [verify, "verify", "--man=no", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{to}:"},
    )
    ours = [line for line in told.stderr.splitlines() if "hansa-" in line]
    assert (told.returncode, ours) == (0, []), told.stderr


def test_what_the_units_say(tmp_path: Path):
    made = cluster(tmp_path / "qs-1")
    files = Units(made, "hansa").files()
    server = files["hansa-qs-1-server1.service"].splitlines()
    command = next(line for line in server if line.startswith("ExecStart="))
    assert shlex.split(command.partition("=")[2]) == [
        sys.executable,
        "-m",
        "hansa",
        "start",
        str(made.folder / "server1"),
        "--fg",
    ]
    assert "User=hansa" in server
    assert "TimeoutStopSec=54" in server  # twice the grace, 30 s for engines, and some more
    assert "After=network-online.target hansa-qs-1-kvdb.service" in server
    assert "CapabilityBoundingSet=" in server
    balancer = files["hansa-qs-1-load-balancer.service"].splitlines()
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in balancer
    after = "network-online.target hansa-qs-1-kvdb.service hansa-qs-1-server1.service"
    assert f"After={after}" in balancer
    assert f'ReadWritePaths="{made.folder}"' in balancer


def test_one_component(tmp_path: Path):
    made = cluster(tmp_path / "qs-1")
    files = Units(Component(made.folder / "server1"), "hansa").files()
    assert set(files) == {"hansa-qs-1-server1.service", "hansa-qs-1.target"}
    # it takes the place of the target of all, if that is there
    assert files["hansa-qs-1.target"] == Units(made, "hansa").files()["hansa-qs-1.target"]


def test_nothing_runs_as_root():
    with pytest.raises(Failure, match="belongs to root"):
        owner_of(Path("/"))


def test_what_cannot_be_said_in_a_unit(tmp_path: Path):
    made = cluster(tmp_path / "a\nb")
    with pytest.raises(Failure, match="cannot be in a unit"):
        Units(made, "hansa").files()
