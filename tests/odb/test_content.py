"""What is stored comes back as it was on each database: any text, long sources, exact names, exact
times.
"""

from __future__ import annotations

import time

import pytest
from hansa import Conflict
from hansa.contract.records import DefinitionRecord, HeldKeys, ObjectState, Reference
from hansa.deployment.store import PackageStore
from hansa.odb.key_check import stored_fingerprint
from hansa.odb.key_rotation import rotate
from hansa.odb.keys import Keys
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.core.definitions.test_store import define
from tests.core.stores import Stores

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=200
)
LIMITS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LIMITS
@given(name=NAMES.filter(lambda name: name == name.strip()), value=st.text(max_size=50), by=NAMES)
def test_any_text_comes_back(store: Stores, name: str, value: str, by: str):
    row = DefinitionRecord("channel", "http", name, {"value": value, value: [value]})
    define(store, row, by=by, claims=[f"path {name}"])
    found = store.definitions.get(*row.key)
    assert found is not None
    assert (found.name, found.data) == (name, row.data)
    assert store.database.changes(found.revision - 1)[-1].name == name


@LIMITS
@given(
    source=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
)
def test_any_source_comes_back(store: Stores, source: str):
    versions, _ = store.packages.deploy({"x.py": source}, {"x.py": {"S": "s"}})
    package = store.packages.get("x.py", versions["x.py"])
    assert package is not None, "its digest is right"
    assert package.source == source


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_a_long_source_is_not_cut(store: Stores, size: int):
    source = "# 🌍 é\n" * (size // 8)
    store.packages.deploy(
        {"x.py": source}, {"x.py": {f"S{n}": f"service.{n}" for n in range(5000)}}
    )
    package = store.packages.get("x.py")
    assert package is not None
    assert package.source == source
    assert len(package.services) == 5000


def test_long_settings_and_states_are_not_cut(store: Stores):
    row = DefinitionRecord("channel", "http", "a", {"text": "é🌍" * 40_000})
    define(store, row)
    (found,) = store.definitions.all(*row.key)
    assert found.data == row.data
    states = {f"channel http {number}": ObjectState("retrying", "é" * 200) for number in range(500)}
    store.reports.report("w", "s", 1, states)
    assert store.reports.all()["w"].states == states


def test_names_are_told_apart_as_python_tells_them_apart(store: Stores):
    names = [
        "a",
        "A",
        "ä",
        "á",
        "\uff41",
        "ß",
        "ss",
        "\u0130",
        "i\u0307",
        "\u00e9",
        "e\u0301",
        "a b",
        "a  b",
    ]
    for number, name in enumerate(names):
        define(
            store,
            DefinitionRecord("channel", "http", name, {"number": number}),
            mode="create",
            claims=[f"path /{name}"],
        )
    assert {row.name: row.data["number"] for row in store.definitions.all()} == {
        n: i for i, n in enumerate(names)
    }
    assert [row.name for row in store.definitions.all()] == sorted(names), "sorted by code point"
    with pytest.raises(Conflict, match="'Á' needs path /A, which channel http 'A' has already"):
        define(store, DefinitionRecord("channel", "http", "Á", {}), claims=["path /A"])
    store.packages.deploy({"x.py": ""}, {"x.py": {"S": "s"}})
    store.packages.deploy({"X.py": ""}, {"X.py": {"S": "S"}})
    define(
        store,
        DefinitionRecord("channel", "http", "user", {}),
        references=[Reference("service", "service", "", "s")],
    )
    store.packages.deploy({"X.py": None}, {})
    with pytest.raises(Conflict):
        store.packages.deploy({"x.py": None}, {})


def test_times_are_exact(store: Stores):
    before = time.time()
    store.reports.report("w", "s", 1)
    store.packages.deploy({"x.py": ""}, {"x.py": {}})
    after = time.time()
    assert before <= store.reports.all()["w"].at <= after
    assert before <= store.packages.versions()[0].at <= after


def test_everything_is_encrypted_with_another_key(store: Stores):
    old, new = Keys("A" * 43 + "="), Keys("B" * 42 + "A=")
    secret = old.encrypt("é🌍")
    define(store, DefinitionRecord("outgoing", "sql", "a%b_c", {"list": [{"password": secret}]}))
    define(store, DefinitionRecord("outgoing", "sql", "plain", {"text": "$encrypted"}))
    store.packages.deploy({"x.py": "# é"}, {"x.py": {"X": "x"}})
    both = Keys("B" * 42 + "A=," + "A" * 43 + "=")
    held = HeldKeys(both.fingerprints, "/srv/secret.key")
    store.reports.report("w/0.1", "w", 3, keys=held)
    revision = rotate(store.database, both, new.fingerprint, by="jane")
    assert store.database.revision() == revision
    assert stored_fingerprint(store.database) == new.fingerprint
    found = store.definitions.get("outgoing", "sql", "a%b_c")
    assert found is not None
    assert new.decrypt(found.data["list"][0]["password"]["$encrypted"]) == "é🌍"
    assert [one.file for one in PackageStore(store.database, new).versions()] == ["x.py"]
    assert store.reports.all()["w/0.1"].keys == held
