"""Old versions of packages: what nothing can go back to is removed, and only that."""

from __future__ import annotations

from hansa.deployment.old_versions import OldVersions
from hansa.odb.change_log import OdbChangeLog

from tests.core.stores import Stores

ALL_TIME = 1e12


def deploy(store: Stores, number: int, file: str = "rates.py") -> int:
    """Deploy a source; returns its version."""
    versions, _ = store.packages.deploy({file: f"# {number}"}, {file: {"Rates": f"{file} rates"}})
    return versions[file]


def remaining(store: Stores, file: str = "rates.py") -> list[int]:
    return [one.version for one in store.packages.versions(file)]


def prune(store: Stores, keep: int, portion: int = 500) -> list[int]:
    return list(OldVersions(store.database).prune(keep, portion=portion))


def forget_changes(store: Stores) -> None:
    """Remove the lines of the change log that the newest of their kind replaces."""
    list(OdbChangeLog(store.database).prune(ALL_TIME))


def test_what_the_change_log_names_is_kept(store: Stores):
    for number in range(1, 8):
        deploy(store, number)
    assert prune(store, keep=1) == []
    assert remaining(store) == [1, 2, 3, 4, 5, 6, 7]
    forget_changes(store)
    revision = store.database.revision()
    assert prune(store, keep=3, portion=3) == [3, 1]
    assert remaining(store) == [5, 6, 7]
    assert store.database.revision() == revision, "it is no change of the cluster"
    assert prune(store, keep=3) == []


def test_the_version_that_serves_is_kept_and_the_highest_number(store: Stores):
    for number in range(1, 5):
        deploy(store, number)
    assert deploy(store, 1) == 1, "went back to the first"
    forget_changes(store)
    assert prune(store, keep=1) == [2]
    assert remaining(store) == [1, 4]
    assert store.packages.serving() == {"rates.py": 1}
    assert deploy(store, 2) == 5, "a number is never given a second time"
    assert deploy(store, 1) == 1, "a source that is still there is known again"
    assert deploy(store, 4) == 4


def test_each_package_by_itself(store: Stores):
    for number in range(1, 4):
        deploy(store, number)
        deploy(store, number, "orders.py")
    store.packages.deploy({"orders.py": None}, {})
    forget_changes(store)
    assert prune(store, keep=2) == [2, 1]
    assert remaining(store) == [2, 3]
    assert remaining(store, "orders.py") == [3], "it is out of service"
