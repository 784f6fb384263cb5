"""The cluster that the proofs share: one for a whole run, looked after between them; and where figures are noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import figures
from tests.cluster.running import FULL, SEED, RunningCluster, running_cluster


@pytest.fixture(scope="package")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """The one cluster of a run, ended with the last of its proofs."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(shared_cluster: RunningCluster) -> Iterator[RunningCluster]:
    """The shared cluster, whole, with an empty queue, and with new chance for each test; stopped processes go on after it."""
    shared_cluster.rng.seed(SEED)
    shared_cluster.kills.clear()
    shared_cluster.whole()
    yield shared_cluster
    for worker in shared_cluster.workers():
        worker.resume()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Note what was found, for the table of docs/reliability.md."""

    def note(proof: str, **values: Any) -> None:
        figures.note(proof, SEED, **values)

    return note


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every proof the time that it needs at its full size, or on a slow machine; what hangs is found by its own limits."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1200))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the seed and what was found."""
    terminalreporter.write_line(f"HANSA_SEED={SEED} HANSA_SIZE={'full' if FULL else 'small'}")
    for line in figures.told():
        terminalreporter.write_line(line)
