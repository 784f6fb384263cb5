"""The cluster that the proofs share: one for a whole run, looked after between them; and where
figures are noted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import figures
from tests.cluster.running import FULL, SEED, RunningCluster, running_cluster

_found: list[str] = []
NO_PROOFS = {"test_accounting.py", "test_figures.py"}
"""Files with tests of the instruments, which need no cluster."""


@pytest.fixture(scope="package")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """The one cluster of a run, ended with the last of its proofs."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(shared_cluster: RunningCluster) -> Iterator[RunningCluster]:
    """The shared cluster, whole, with an empty queue, and with new chance for each test; stopped
    processes go on after it.
    """
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the proofs, and give each the time that it needs at its full size, or on a slow machine.

    What hangs is found by its own limits.
    """
    here = str(Path(__file__).parent)
    for item in items:
        if os.path.dirname(item.path) != here or item.path.name in NO_PROOFS:
            continue
        item.add_marker(pytest.mark.proof)
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1200))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a process of pytest-xdist has found to the one that prints it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = figures.told()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process of pytest-xdist has found."""
    _found.extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the seed and what was found."""
    terminalreporter.write_line(f"HANSA_SEED={SEED} HANSA_SIZE={'full' if FULL else 'small'}")
    for line in [*figures.told(), *_found]:
        terminalreporter.write_line(line)
