"""A cluster on several hosts: it is created and joined by command, and loses nothing while hosts
come, go, are cut off and die.
"""

from __future__ import annotations

from tests.hosts.cluster import HostsCluster
from tests.hosts.network import Host


def test_what_is_deployed_on_one_host_serves_on_all(cluster: HostsCluster, balancer: Host):
    with cluster.load(balancer) as load:
        load.wait_for(20, "one")
        load.wait_for(20, "two")
    assert not load.answers.failed, load.answers.failed[:5]
    cluster.check_none_lost(load.answers.taken)
