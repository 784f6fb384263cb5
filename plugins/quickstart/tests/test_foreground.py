"""What becomes of a cluster in the foreground whose components leave it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hansa_authority.description import describe
from hansa_quickstart.component import HOST, SERVER, Component
from hansa_quickstart.foreground import Foreground
from hansa_quickstart.launch import Launched
from hansa_quickstart.signals import Termination


def test_it_ends_once_all_components_have_left(tmp_path: Path):
    host = Component(tmp_path / "host")
    part = Component(host.folder / "server1")
    part.folder.mkdir(parents=True)
    describe(host.folder, HOST, components=["server1"])
    describe(part.folder, SERVER)
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert host.is_cluster  # which it has read when it started
    launched = {part: Launched(ended, 0.0)}
    foreground = Foreground(host, launched, Termination())
    # as `hansa leave` does
    shutil.rmtree(host.folder)
    foreground.look_after(part)
    assert not launched
    foreground.stay()
    assert not host.folder.exists()
