"""What `hansa create cluster` makes of what it is given, before it uses any engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hansa_hosts.admission import check_address
from hansa_hosts.cluster import AUTHORITY
from hansa_hosts.commands import create_cluster as command
from hansa_hosts.creation import Wanted, create_cluster, create_component
from hansa_hosts.roles import role_of
from hansa_quickstart.failure import Failure
from hansa_web.settings import is_cluster_name

from plugins.hosts.tests.conftest import a_cluster, make_cluster


def wanted(folder: Path) -> Wanted:
    """A cluster of which everything is wrong."""
    return Wanted(folder, "login", "nowhere", "10.0.0.0/99", "x", "y", "", "", "durable", ())


def test_all_faults_are_told_at_once_by_option(tmp_path: Path):
    with pytest.raises(Failure) as refused:
        create_cluster(wanted(tmp_path / "cluster"))
    told = [line.partition(": ")[0] for line in refused.value.message.splitlines()]
    assert sorted(told) == ["--address", "--cluster-name", "--network", "--odb", "--redis"]
    assert not (tmp_path / "cluster").exists()


def test_the_default_name_is_one_that_the_web_admin_shows():
    (option,) = (one for one in command.params if one.name == "cluster_name")
    assert is_cluster_name(str(option.default))


def test_hosts_with_addresses_of_ipv6(tmp_path: Path):
    cluster = replace(a_cluster("[fd00::1]:8185"), network="fd00::/64")
    folder = make_cluster(tmp_path / "cluster", cluster)
    made = create_component(folder, role_of("server"), "", "", ())
    assert made.addresses == ["[fd00::1]:17010"]
    names = (folder / AUTHORITY / "members" / "server1.json").read_text()
    assert '"hosts": ["fd00::1"]' in names
    check_address("[fd00::2]:17010", ("fd00::2",))
    with pytest.raises(Failure, match="the token is good for fd00::2; for fd00::3"):
        check_address("[fd00::3]:17010", ("fd00::2",))
    assert cluster.admits("fd00::2")
    assert not cluster.admits("10.0.0.2")
