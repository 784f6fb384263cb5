"""Leaving, by the real authority over TLS: what it forgets, and what becomes of a host meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hansa_hosts.asking import Authority
from hansa_hosts.cluster import AUTHORITY
from hansa_hosts.components import MEMBER_SECRET
from hansa_hosts.creation import create_component
from hansa_hosts.joining import join
from hansa_hosts.leaving import leave
from hansa_hosts.members import Members
from hansa_hosts.roles import role_of
from hansa_quickstart.failure import Failure
from hansa_quickstart.locks import busy

from plugins.hosts.tests.conftest import Running

SERVER = "127.0.0.1:17999"


def test_nothing_is_started_while_it_leaves(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "host"
    made = join(running.token("server"), folder, SERVER)
    tell = Authority.leave
    found: list[bool] = []

    def look_and_tell(authority: Authority, name: str, secret: str) -> None:
        found.extend([busy(folder), busy(made.folder)])
        tell(authority, name, secret)

    monkeypatch.setattr(Authority, "leave", look_and_tell)
    assert leave(folder, [], force=False) == [made.folder.name]
    assert found == [True, True]
    assert not folder.exists()


def test_the_authority_forgets_components_whose_host_is_gone(running: Running, tmp_path: Path):
    join(running.token("server", "lost-1"), tmp_path / "host", SERVER)
    shutil.rmtree(tmp_path / "host")
    own = create_component(running.folder, role_of("server"), "", "127.0.0.1:17998", ())
    with pytest.raises(Failure, match="already"):
        running.token("server", "lost-1")
    with pytest.raises(Failure, match="no component lost-1; --force has the authority forget"):
        leave(running.folder, ["lost-1"], force=False)
    assert leave(running.folder, ["lost-1"], force=True) == ["lost-1"]
    assert own.exists
    assert running.token("server", "lost-1")
    with pytest.raises(Failure, match=r"no component lost-1$"):
        leave(running.folder, ["lost-1"], force=True)
    leave(running.folder, [own.folder.name], force=False)


def test_a_host_whose_leave_was_interrupted(running: Running, tmp_path: Path):
    folder = tmp_path / "host"
    made = join(running.token("server"), folder, SERVER)
    (made.folder / MEMBER_SECRET).unlink()
    with pytest.raises(Failure, match=r"member\.secret cannot be read"):
        leave(folder, [], force=False)
    assert leave(folder, [], force=True) == [made.folder.name]
    assert not folder.exists()
    Members(running.folder / AUTHORITY).remove(made.folder.name)
