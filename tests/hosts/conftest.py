"""The hosts of a run: made once, since a cluster takes seconds to make, and left out, with the
reason, where a machine has no namespaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hosts.cluster import HostsCluster
from tests.hosts.network import FLOATING, Host, Network, why_not


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here as proofs."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("proof")
            # the first one makes the cluster, which a busy machine takes minutes for
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="package")
def cluster() -> Iterator[HostsCluster]:
    """A cluster with a server on each of the hosts `one` and `two`, and a load-balancer on `front`."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Network() as network, HostsCluster(network) as made:
        # made here, since addresses are counted
        network.host("two")
        network.host("front")
        with ThreadPoolExecutor() as pool:
            joining = [
                pool.submit(made.join, "two", "server"),
                pool.submit(made.join, "front", "loadbalancer", "--host", FLOATING),
            ]
            made.deploy()
            for each in joining:
                each.result()
        yield made


@pytest.fixture(scope="package")
def balancer(cluster: HostsCluster) -> Host:
    """The host of its load-balancer."""
    return cluster.network.hosts["front"]
