"""A cluster on several hosts: it is created and joined by command, and loses nothing while hosts
come, go, are cut off and die.

What is promised: what was accepted asynchronously runs, whatever dies. What a host has in hand when
it dies fails, and nothing else: nothing fails when hosts join, leave or restart.
"""

from __future__ import annotations

from dataclasses import replace

from hansa_hosts.tokens import Token, new_secret

from tests.hosts.cluster import HostsCluster
from tests.hosts.load import Load
from tests.hosts.network import Host

CLIENTS = 4


def check_nothing_failed(cluster: HostsCluster, load: Load) -> None:
    """Check that every request was answered, and that what was taken was noted."""
    failed = load.answers.failed
    assert not failed, f"{len(failed)} of {len(load.answers.taken)}: {failed[:5]}"
    cluster.check_none_lost(load.answers.taken)


def test_what_is_deployed_on_one_host_serves_on_all(cluster: HostsCluster, balancer: Host):
    with cluster.load(balancer, CLIENTS) as load:
        load.wait_for(20, "one")
        load.wait_for(20, "two")
    check_nothing_failed(cluster, load)


def test_a_host_joins_and_leaves_under_load(cluster: HostsCluster, balancer: Host):
    with cluster.load(balancer, CLIENTS) as load:
        load.wait_for(20)
        three = cluster.join("three", "server")
        load.wait_for(50, "three")
        said = three.hansa("leave", str(cluster.folder(three)))
        assert said.splitlines()[-1].endswith(" has left"), said
        load.wait_for(50, "one")
    check_nothing_failed(cluster, load)
    assert not cluster.folder(three).exists()


def test_servers_are_restarted_one_after_the_other(cluster: HostsCluster, balancer: Host):
    with cluster.load(balancer, CLIENTS) as load:
        load.wait_for(20, "two")
        folder = str(cluster.folder(cluster.one))
        said = cluster.one.hansa("cluster", "restart", "--dir", folder)
        load.wait_for(20, "one")
        load.wait_for(20, "two")
    assert said.count("restarting") == 2, said
    check_nothing_failed(cluster, load)


def test_a_host_that_the_network_cuts_off(cluster: HostsCluster, balancer: Host):
    two = cluster.network.hosts["two"]
    with cluster.load(balancer, CLIENTS) as load:
        load.wait_for(20, "two")
        two.cut_off()
        try:
            check_others_go_on(load)
        finally:
            two.reconnect()
        load.wait_for(20, "two")
    cluster.check_none_lost(load.answers.taken)


def test_a_host_dies(cluster: HostsCluster, balancer: Host):
    two = cluster.network.hosts["two"]
    with cluster.load(balancer, CLIENTS) as load:
        load.wait_for(20, "two")
        two.end()
        check_others_go_on(load)
        two.begin()
        two.hansa("start", str(cluster.folder(two)))
        load.wait_for(20, "two")
    cluster.check_none_lost(load.answers.taken)


def check_others_go_on(load: Load) -> None:
    """Check that what the lost host had in hand is all that fails: of each client at most what it
    asked once until it was known, and nothing later.
    """
    load.wait_for(100, "one")
    failed = load.count_failed()
    load.wait_for(300, "one")
    assert load.count_failed() == failed, load.answers.failed
    assert failed <= 3 * CLIENTS, load.answers.failed


def test_a_host_with_a_forged_token_gets_nothing(cluster: HostsCluster):
    stranger = cluster.network.host("stranger")
    token = Token.read(cluster.token("server"))
    for forged in (replace(token, secret=new_secret()), replace(token, fingerprint="00" * 32)):
        folder = cluster.folder(stranger)
        said = stranger.hansa("join", str(forged), str(folder), check=False)
        assert "Error: " in said, said
        assert not folder.exists()
