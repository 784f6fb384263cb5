"""Two load-balancers with a floating address, moved by keepalived as `docs/operations.md` has it
configured.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from tests.hosts.cluster import HostsCluster
from tests.hosts.load import Load
from tests.hosts.network import FLOATING, Host

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "operations.md"
LOAD_BALANCER = "load-balancer"


def configuration(priority: int) -> str:
    """The configuration in the documentation, for hosts whose interface has another name."""
    found = re.search(r"```\n(global_defs.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert found is not None
    text = found[1].replace("interface eth0", "interface e0")
    return text.replace("priority 100", f"priority {priority}")


def begin(cluster: HostsCluster, host: Host, name: str, priority: int) -> None:
    """Start a load-balancer that listens at every address of its host, and keepalived there."""
    config = cluster.folder(host) / name / "config.toml"
    text = config.read_text()
    config.write_text(
        text.replace(f'https_bind = "{host.address}:11224"', 'https_bind = "*:11224"')
    )
    assert config.read_text() != text
    host.hansa("start", str(cluster.folder(host)))
    file = host.folder / "keepalived.conf"
    file.write_text(configuration(priority))
    file.chmod(0o644)
    own = [f"--{kind}={host.folder}/{kind}" for kind in ("pid", "vrrp_pid")]
    program = shutil.which("keepalived")
    assert program is not None
    host.launch(program, "--dont-fork", "--log-console", f"--use-file={file}", *own)


def has_address(host: Host) -> bool:
    """Whether the floating address is at a host."""
    return FLOATING in host.run("ip", "-brief", "address")


def test_a_load_balancer_that_dies_hands_over_its_address(cluster: HostsCluster, balancer: Host):
    if not shutil.which("keepalived"):
        pytest.skip("there is no keepalived here: run tools/test-needs.sh")
    other = cluster.network.host("front2")
    token = cluster.token("loadbalancer", "--host", FLOATING)
    other.hansa("join", token, str(cluster.folder(other)))
    balancer.hansa("stop", str(cluster.folder(balancer)))
    begin(cluster, balancer, LOAD_BALANCER, 100)
    begin(cluster, other, f"{LOAD_BALANCER}2", 90)
    wait_until(lambda: has_address(balancer), 60, "the first has the address")
    assert not has_address(other)
    with Load(cluster.clients, f"{FLOATING}:11224", cluster.ca) as load:
        load.wait_for(50)
        failed = load.count_failed()
        balancer.hansa("stop", str(cluster.folder(balancer)))
        wait_until(lambda: has_address(other), 60, "the other has the address")
        load.wait_for(100)
        lost = load.count_failed()
        # the address stays when the first comes back, which costs nothing
        balancer.hansa("start", str(cluster.folder(balancer)))
        load.wait_for(100)
        assert has_address(other) and not has_address(balancer)
        assert load.count_failed() == lost, load.answers.failed[lost:]
    assert failed == 0, load.answers.failed[:failed]
    cluster.check_none_lost(load.answers.taken)
