"""The store: against a plain model in any order of changes, and with many processes that change it
at once.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hansa import Conflict, Edit, HansaError, Invalid, NotFound
from hansa.contract.records import DefinitionRecord, Key, ObjectState, Reference
from hansa.definitions.edit import CheckedEdit
from hansa.deployment.store import Stale
from hansa.odb import tables as odb
from hansa.odb.engine import open_engine
from hansa.odb.keys import Keys
from hansa.odb.migrations.schema import create_schema
from hansa.odb.transaction import Change
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select, text

from tests.core.stores import Stores

KINDS, TYPES, NAMES, FILES = (
    st.sampled_from(["security", "channel"]),
    st.sampled_from("tu"),
    st.sampled_from("ab"),
    ["x.py", "y.py"],
)
DATA = st.dictionaries(
    st.sampled_from("pq"), st.integers() | st.text(max_size=3) | st.none(), max_size=2
)
REFERENCES = st.lists(
    st.builds(
        Reference, st.sampled_from(["s1", "s2"]), KINDS, st.sampled_from(["", "t", "u"]), NAMES
    )
    | st.builds(
        Reference, st.just("service"), st.just("service"), st.just(""), st.sampled_from("vw")
    ),
    max_size=2,
)
CLAIMS = st.lists(st.sampled_from(["path /a", "path /b"]), max_size=2)
SERVICES = st.dictionaries(st.sampled_from(["V", "W"]), st.sampled_from("vw"), max_size=2)


def nothing_outside(reference: Reference) -> bool:
    """Nothing exists but what is stored."""
    return False


def define(
    store: Stores,
    row: DefinitionRecord,
    *,
    references: Any = (),
    claims: Any = (),
    by: str = "",
    is_outside: Any = nothing_outside,
    **options: Any,
) -> int:
    """Stores one definition."""
    edit = Edit(row.key, row.data, **options)
    return store.definitions.change([checked(edit, references, claims)], is_outside, by=by)


def checked(edit: Edit, references: Any = (), claims: Any = ()) -> CheckedEdit:
    """An edit that has no faults of its own."""
    return CheckedEdit(edit, frozenset(references), tuple(claims))


def drop(store: Stores, kind: str, type: str, name: str, *, by: str = "", **options: Any) -> int:
    """Delete one definition."""
    edit = Edit((kind, type, name), **options)
    return store.definitions.change([checked(edit)], nothing_outside, by=by)


def deploy(
    store: Stores, file: str, source: str, services: dict[str, str], **options: Any
) -> tuple[int, int]:
    """Stores one package; gives version and revision."""
    versions, revision = store.packages.deploy({file: source}, {file: services}, **options)
    return versions[file], revision


def undeploy(store: Stores, file: str) -> int:
    """Take one package out of service."""
    return store.packages.deploy({file: None}, {})[1]


class StoreAndModel(RuleBasedStateMachine):
    """The same changes in the store and in dictionaries: the same answers, errors by kind, and the
    same content after each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = open_engine(f"sqlite:///{self.folder.name}/odb")
        create_schema(self.engine)
        self.store = Stores.over(self.engine)
        self.revision = 0
        self.rows: dict[Key, tuple[dict[str, Any], int, set[Reference], set[str]]] = {}
        self.versions: dict[str, list[tuple[str, dict[str, str]]]] = {file: [] for file in FILES}
        self.current: dict[str, int] = {}
        self.log: list[Change] = []

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    # -- the model ---------------------------------------------------------------------------------

    def services(self) -> dict[str, str]:
        return {
            n: file
            for file, version in self.current.items()
            for n in self.versions[file][version - 1][1].values()
        }

    def there(self, reference: Reference) -> bool:
        if reference.kind == "service":
            return reference.name in self.services()
        return any(
            (kind, name) == (reference.kind, reference.name) and reference.type in ("", type)
            for kind, type, name in self.rows
        )

    def used(self, kind: str, type: str, names: set[str]) -> bool:
        own = {(kind, type, name) for name in names}
        everything = [
            r
            for key, (_, _, references, _) in self.rows.items()
            if key not in own
            for r in references
        ]
        return any(r.kind == kind and r.type in ("", type) and r.name in names for r in everything)

    def current_is_refused(self, file: str, services: dict[str, str]) -> bool:
        now = self.services()
        gone = {name for name, other in now.items() if other == file} - set(services.values())
        return any(now.get(name, file) != file for name in services.values()) or self.used(
            "service", "", gone
        )

    def expect(self, error: type[HansaError] | None, change: Any) -> Any:
        """Carry out a change that ends in this error, or in none."""
        if error is None:
            self.revision += 1
            return change()
        with pytest.raises(error):
            change()
        return None

    # -- the changes -------------------------------------------------------------------------------

    @rule(
        key=st.tuples(KINDS, TYPES, NAMES),
        data=DATA,
        references=REFERENCES,
        claims=CLAIMS,
        mode=st.sampled_from(["set", "set", "create", "edit"]),
        seen=st.sampled_from([None, None, -1, 0]),
    )
    def define(
        self,
        key: Key,
        data: Any,
        references: list[Reference],
        claims: list[str],
        mode: str,
        seen: int | None,
    ) -> None:
        old = self.rows.get(key)
        seen = seen if seen is None or old is None else old[1] + seen
        taken = {
            claim
            for other, (*_, has) in self.rows.items()
            if other[0] == key[0] and other != key
            for claim in has
        }
        error: type[HansaError] | None = None
        if (seen is not None and (old is None or old[1] != seen)) or (mode == "create" and old):
            error = Conflict
        elif mode == "edit" and not old:
            error = NotFound
        elif not all(
            self.there(r) or (r.kind, r.name, r.type or key[1]) == (key[0], key[2], key[1])
            for r in references
        ):
            error = Invalid
        elif taken & set(claims):
            error = Conflict
        options: Any = {
            "mode": mode,
            "references": references,
            "claims": claims,
            "seen_revision": seen,
        }
        answer = self.expect(
            error, lambda: define(self.store, DefinitionRecord(*key, data), **options)
        )
        if not error:
            assert answer == self.revision
            self.rows[key] = (data, self.revision, set(references), set(claims))
            self.log.append(Change(self.revision, *key, "define"))

    @precondition(lambda self: self.rows)
    @rule(choose=st.data(), seen=st.sampled_from([None, None, -1, 0]))
    def delete(self, choose: Any, seen: int | None) -> None:
        key: Key = choose.draw(st.sampled_from(sorted(self.rows)))
        seen = None if seen is None else self.rows[key][1] + seen
        error = (
            Conflict
            if seen not in (None, self.rows[key][1]) or self.used(key[0], key[1], {key[2]})
            else None
        )
        self.expect(error, lambda: drop(self.store, *key, seen_revision=seen))
        if not error:
            del self.rows[key]
            self.log.append(Change(self.revision, *key, "delete"))

    @rule(
        edits=st.dictionaries(
            st.tuples(KINDS, TYPES, NAMES),
            st.none() | st.tuples(DATA, REFERENCES, CLAIMS),
            min_size=1,
            max_size=5,
        )
    )
    def change(self, edits: Any) -> None:
        """Several at once: all of them, judged by what there is afterwards, or none."""
        kept = {key: row for key, row in self.rows.items() if key not in edits}
        made = {key: found for key, found in edits.items() if found}
        after = {key: row[3] for key, row in kept.items()} | {
            key: set(found[2]) for key, found in made.items()
        }
        before, self.rows = (
            self.rows,
            kept | {key: (f[0], 0, set(f[1]), set(f[2])) for key, f in made.items()},
        )
        fine = all(
            map(self.there, [r for _, _, references, _ in self.rows.values() for r in references])
        )
        self.rows = before
        fine = fine and all(key in before for key, found in edits.items() if not found)
        # a name without a type is in use as long as one of that name goes, even if another stays
        fine = fine and not any(
            (one.kind, one.name) == (kind, name) and one.type in ("", type)
            for (kind, type, name), found in edits.items()
            if not found
            for _, _, references, _ in kept.values()
            for one in references
        )
        claims = [(key[0], claim) for key, has in after.items() for claim in has]
        fine = fine and len(claims) == len(set(claims))
        made_of = [
            checked(Edit(key, f[0]), f[1], f[2]) if f else checked(Edit(key))
            for key, f in edits.items()
        ]
        self.expect(
            None if fine else HansaError,
            lambda: self.store.definitions.change(made_of, nothing_outside, by_path=True),
        )
        if fine:
            self.rows = kept | {
                key: (f[0], self.revision, set(f[1]), set(f[2])) for key, f in made.items()
            }
            self.log += [
                Change(self.revision, kind, type, name, "define" if found else "delete")
                for (kind, type, name), found in sorted(edits.items())
            ]

    @rule(file=st.sampled_from(FILES), services=SERVICES)
    def deploy(self, file: str, services: dict[str, str]) -> None:
        error = Conflict if self.current_is_refused(file, services) else None
        source = f"source {self.revision}"
        answer = self.expect(error, lambda: deploy(self.store, file, source, services))
        if not error:
            self.versions[file].append((source, services))
            self.current[file] = len(self.versions[file])
            assert answer == (self.current[file], self.revision)
            self.log.append(Change(self.revision, "service", "package", file, "deploy"))

    @precondition(lambda self: any(self.versions.values()))
    @rule(choose=st.data(), services=SERVICES)
    def bring_back(self, choose: Any, services: dict[str, str]) -> None:
        """A source that was deployed before is the version it was, with the services it gives now."""
        file = choose.draw(
            st.sampled_from([file for file, versions in self.versions.items() if versions])
        )
        number = choose.draw(st.integers(1, len(self.versions[file])))
        source = self.versions[file][number - 1][0]
        error = Conflict if self.current_is_refused(file, services) else None
        answer = self.expect(error, lambda: deploy(self.store, file, source, services))
        if not error:
            assert answer == (number, self.revision)
            self.versions[file][number - 1] = (source, services)
            self.current[file] = number
            self.log.append(Change(self.revision, "service", "package", file, "rollback"))

    @rule(file=st.sampled_from(FILES))
    def undeploy(self, file: str) -> None:
        error = Conflict if self.current_is_refused(file, {}) else None
        self.expect(error, lambda: undeploy(self.store, file))
        if not error:
            self.current.pop(file, None)
            self.log.append(Change(self.revision, "service", "package", file, "delete"))

    @rule(services=st.tuples(SERVICES, SERVICES))
    def deploy_both(self, services: tuple[dict[str, str], dict[str, str]]) -> None:
        """All or none, as one revision."""
        given = [name for each in services for name in each.values()]
        twice = any(set(services[0].values()) & set(services[1].values()) for _ in given)
        gone = set(self.services()) - set(given)
        error = Conflict if twice or self.used("service", "", gone) else None
        sources = {file: f"source {self.revision} of {file}" for file in FILES}
        answer = self.expect(
            error,
            lambda: self.store.packages.deploy(
                sources, dict(zip(FILES, services, strict=True)), seen=dict(self.current)
            ),
        )
        if not error:
            for file, found in zip(FILES, services, strict=True):
                self.versions[file].append((sources[file], found))
                self.current[file] = len(self.versions[file])
                self.log.append(Change(self.revision, "service", "package", file, "deploy"))
            assert answer == (self.current, self.revision)

    @precondition(lambda self: self.current)
    @rule(choose=st.data(), services=SERVICES)
    def other_names(self, choose: Any, services: dict[str, str]) -> None:
        """What imports something that changes may give other names from then on; it stays the
        version it is.
        """
        file = choose.draw(st.sampled_from(sorted(self.current)))
        error = Conflict if self.current_is_refused(file, services) else None
        self.expect(error, lambda: self.store.packages.deploy({}, {file: services}))
        if not error:
            number = self.current[file]
            self.versions[file][number - 1] = (self.versions[file][number - 1][0], services)

    # -- what holds --------------------------------------------------------------------------------

    @invariant()
    def the_content_is_the_same(self) -> None:
        assert self.store.database.revision() == self.revision
        found = {row.key: (row.data, row.revision) for row in self.store.definitions.all()}
        assert found == {key: (data, revision) for key, (data, revision, _, _) in self.rows.items()}
        assert self.store.database.changes(0) == self.log
        assert (
            {p.file: p.version for p in self.store.packages.versions(current=True)}
            == self.store.packages.serving()
            == self.current
        )
        assert {
            name for p in self.store.packages.versions(current=True) for name in p.services.values()
        } == set(self.services())
        assert [(p.file, p.version, p.source) for p in self.store.packages.versions()] == [
            (file, number, source)
            for file in FILES
            for number, (source, _) in enumerate(self.versions[file], 1)
        ]

    @invariant()
    def no_reference_dangles(self) -> None:
        assert all(self.there(r) for _, _, references, _ in self.rows.values() for r in references)


TestStoreAndModel = StoreAndModel.TestCase
# a run of 25 steps counts as several examples
TestStoreAndModel.settings = settings(
    max_examples=settings().max_examples // 3, stateful_step_count=25, deadline=None
)

ROW = DefinitionRecord(
    "channel", "http", "a", {"path": "/é", "password": {"$encrypted": "x"}, "none": None}
)


def test_definitions_come_back_sorted_and_filtered(store: Stores):
    rows = [
        DefinitionRecord(kind, type, name, {})
        for kind in "ba"
        for type in "ut"
        for name in ("2", "1", "10")
    ]
    for row in rows:
        define(store, row)
    assert [row.key for row in store.definitions.all()] == sorted(row.key for row in rows)
    assert [row.key for row in store.definitions.all("a", "u")] == [
        ("a", "u", "1"),
        ("a", "u", "10"),
        ("a", "u", "2"),
    ]
    assert store.definitions.all("c") == []
    assert store.definitions.get("a", "u", "3") is None
    define(store, ROW)
    (found,) = store.definitions.all(*ROW.key)
    assert found.data == ROW.data


def test_an_edit_from_an_old_view_is_refused_and_says_why(store: Stores):
    first = define(store, ROW)
    define(store, ROW, seen_revision=first)
    with pytest.raises(Conflict, match="you saw revision 1, it is at revision 2"):
        define(store, ROW, seen_revision=first)
    drop(store, *ROW.key)
    with pytest.raises(Conflict, match="was deleted"):
        define(store, ROW, seen_revision=first)


def test_missing_references_are_told_by_their_settings(store: Stores):
    references = [
        Reference("service", "service", "", "s"),
        Reference("over", "outgoing", "sql", "o"),
        Reference("over", "outgoing", "sql", "p"),
    ]
    with pytest.raises(Invalid) as caught:
        define(store, ROW, references=references)
    assert caught.value.errors == {
        "service": "there is no service named 's'",
        "over": "there is no outgoing sql named 'o'; there is no outgoing sql named 'p'",
    }
    assert store.database.revision() == 0
    define(store, ROW, references=references, is_outside=lambda reference: True)


def test_what_is_in_use_is_not_deleted_and_the_users_are_named(store: Stores):
    define(store, DefinitionRecord("outgoing", "sql", "db", {}))
    define(store, DefinitionRecord("outgoing", "http", "db", {}))
    deploy(store, "x.py", "source", {"S": "s"})
    references = [
        Reference("over", "outgoing", "sql", "db"),
        Reference("service", "service", "", "s"),
    ]
    define(store, ROW, references=references)
    drop(store, "outgoing", "http", "db")
    for change in (
        lambda: drop(store, "outgoing", "sql", "db"),
        lambda: deploy(store, "x.py", "another", {"S": "t"}),
        lambda: undeploy(store, "x.py"),
    ):
        with pytest.raises(
            Conflict, match=r"in use by channel http 'a' \((over = db|service = s)\)"
        ):
            change()
    define(store, ROW)
    drop(store, "outgoing", "sql", "db")
    undeploy(store, "x.py")


def test_a_claim_belongs_to_one_definition_of_a_kind(store: Stores):
    define(store, ROW, claims=["the path /a"])
    define(store, ROW, claims=["the path /a", "the path /a"])
    with pytest.raises(
        Conflict, match="channel http 'b' needs the path /a, which channel http 'a' has already"
    ):
        define(store, DefinitionRecord("channel", "http", "b", {}), claims=["the path /a"])
    define(store, DefinitionRecord("outgoing", "http", "b", {}), claims=["the path /a"])
    assert store.definitions.get("channel", "http", "b") is None
    define(store, ROW, claims=["the path /b"])
    define(store, DefinitionRecord("channel", "http", "b", {}), claims=["the path /a"])


class TestPackages:
    def test_versions_stay(self, store: Stores):
        assert deploy(store, "x.py", "one", {"A": "a"}, by="jane") == (1, 1)
        assert deploy(store, "x.py", "two", {"A": "a", "B": "b"}) == (2, 2)
        current = store.packages.get("x.py")
        first = store.packages.get("x.py", 1)
        assert current is not None
        assert first is not None
        assert (current.source, first.source) == ("two", "one")
        assert first.services == {"A": "a"}
        assert first.by == "jane"
        assert store.packages.get("x.py", 3) is None is store.packages.get("y.py")
        assert [p.current for p in store.packages.versions()] == [False, True]
        undeploy(store, "x.py")
        assert store.packages.versions(current=True) == []
        assert store.packages.get("x.py") is None
        assert len(store.packages.versions()) == 2
        assert deploy(store, "x.py", "three", {}) == (3, 4)

    def test_not_what_was_seen_serves(self, store: Stores):
        deploy(store, "x.py", "one", {}, seen={})
        for seen in ({}, {"x.py": 2}, {"x.py": 1, "y.py": 1}):
            with pytest.raises(Stale, match="others deploy at the same time"):
                deploy(store, "y.py", "one", {}, seen=seen)
        assert store.database.revision() == 1
        assert deploy(store, "y.py", "one", {}, seen={"x.py": 1}) == (1, 2)

    def test_a_service_moves_from_one_file_to_another(self, store: Stores):
        deploy(store, "x.py", "one", {"A": "a", "B": "b"})
        define(store, ROW, references=[Reference("service", "service", "", "a")])
        assert (
            store.packages.deploy(
                {"y.py": "one", "x.py": "two"}, {"y.py": {"A": "a"}, "x.py": {"B": "b"}}
            )[1]
            == 3
        )
        with pytest.raises(Conflict, match="in use by channel http 'a'"):
            undeploy(store, "y.py")
        store.packages.deploy({"y.py": None, "x.py": "one"}, {"x.py": {"A": "a", "B": "b"}})

    def test_a_service_comes_from_one_file(self, store: Stores):
        deploy(store, "x.py", "one", {"A": "a", "B": "b"})
        with pytest.raises(
            Conflict, match=r"the service a is already given by x.py; the service b is .*x.py"
        ):
            deploy(store, "y.py", "one", {"A": "a", "B": "b"})
        assert store.packages.get("y.py") is None
        assert store.database.revision() == 1

    @pytest.mark.parametrize(
        "forgery",
        [
            "source = 'evil'",
            "file = 'z.py'",
            "mac = ''",
            "source = replace(source, 'o', 'O')",
            "mac = upper(mac)",
        ],
    )
    def test_a_source_changed_in_the_database_is_refused(
        self, store: Stores, forgery: str, caplog: pytest.LogCaptureFixture
    ):
        deploy(store, "x.py", "one", {"A": "a"})
        with store.engine.begin() as connection:
            connection.execute(text(f"UPDATE package SET {forgery}"))
        assert store.packages.versions() == store.packages.versions(current=True) == []
        assert store.packages.get("x.py") is None
        assert store.packages.get("x.py", 1) is None
        assert [record.levelname for record in caplog.records][:1] == ["CRITICAL"]

    def test_the_key_is_not_in_the_database(self, store: Stores, tmp_path: Path):
        deploy(store, "x.py", "one", {"A": "a"})
        assert Stores.over(store.engine, Keys("B" * 42 + "A=")).packages.versions() == []


def test_the_log_of_a_definition_holds_each_state_of_it(store: Stores):
    define(store, ROW, by="jane")
    drop(store, *ROW.key, by="joe")
    c = odb.change.c
    with store.engine.connect() as connection:
        changes = list(
            connection.execute(select(c.revision, c.action, c.by, c.data).order_by(c.revision))
        )
    assert [tuple(change)[:3] for change in changes] == [
        (1, "define", "jane"),
        (2, "delete", "joe"),
    ]
    assert json.loads(changes[0].data) == ROW.data
    assert changes[1].data is None
    assert [change.revision for change in store.database.changes(1)] == [2]


def test_blocked_plugins(store: Stores):
    for name, action in [
        ("a", "block"),
        ("b", "block"),
        ("a", "unblock"),
        ("c", "reload"),
        ("b", "reload"),
    ]:
        store.database.log_action("plugin", name, action)
    assert store.database.blocked_plugins() == {"b"}


def test_what_the_configuration_declared(store: Stores):
    define(store, ROW, declared="d1")
    deploy(store, "x.py", "one", {}, declared=True)
    assert store.definitions.declared() == {
        ROW.key: "d1",
        ("service", "package", "x.py"): hashlib.sha256(b"one").hexdigest(),
    }
    define(store, ROW, declared="d3")
    define(store, ROW)
    drop(store, *ROW.key)
    assert store.definitions.declared()[ROW.key] == "d3", (
        "what was deleted by hand does not come back at the next start"
    )


def test_reports_of_workers(store: Stores):
    store.reports.report("w1", "s", 3, {"channel http a": ObjectState("retrying")})
    store.reports.report("w2", "s", 2)
    store.reports.report("w1", "s", 4)
    found = store.reports.all()
    assert {name: (report.revision, report.states) for name, report in found.items()} == {
        "w1": (4, {}),
        "w2": (2, {}),
    }
    store.reports.forget("w1")
    assert set(store.reports.all()) == {"w2"}


TOP = Path(__file__).parents[3]
STORM = """
    import random, sys
    from hansa import Edit, HansaError
    from hansa.contract.records import Reference
    from hansa.definitions.edit import CheckedEdit
    from hansa.odb.engine import open_engine
    from tests.core.stores import Stores
    store, choose = Stores.over(open_engine(sys.argv[1])), random.Random(int(sys.argv[2]))
    def change(*edits):
        return store.definitions.change(edits, lambda reference: False)
    def checked(edit, references=(), claims=()):
        return CheckedEdit(edit, frozenset(references), tuple(claims))
    done = 0
    for number in range(40):
        name, other = choose.choice("abc"), choose.choice("abc")
        changes = [
            lambda: change(checked(Edit(("security", "basic", name), {}))),
            lambda: change(checked(Edit(("security", "basic", name)))),
            lambda: change(checked(
                Edit(("channel", "http", name), {}),
                [
                    Reference("security", "security", "", other),
                    Reference("service", "service", "", other),
                ],
                [other],
            )),
            lambda: change(checked(Edit(("channel", "http", name)))),
            lambda: change(
                checked(Edit(("security", "basic", name), {})),
                checked(Edit(("channel", "http", name))),
            ),
            lambda: store.packages.deploy({name + ".py": str(number)}, {name + ".py": {"S": other}}),
            lambda: store.packages.deploy({name + ".py": None}, {}),
        ]
        try:
            choose.choice(changes)()
            done += 1
        except HansaError:
            pass
    print(done)
"""


def test_many_processes_at_once_leave_no_reference_dangling_and_no_revision_twice(store: Stores):
    url = store.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", textwrap.dedent(STORM), url]
    children = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True, cwd=TOP)
        for seed in range(3)
    ]
    seen, last = [], 0
    while any(child.poll() is None for child in children):
        for change in store.database.changes(last):
            assert change.revision in (last, last + 1), "a reader missed a revision"
            last = change.revision
            seen.append(change)
    done = sum(int(child.communicate()[0]) for child in children)
    assert {child.returncode for child in children} == {0}
    seen += store.database.changes(last)
    assert sorted({change.revision for change in seen}) == list(range(1, done + 1))
    assert store.database.revision() == done > 30
    with store.engine.connect() as connection:
        dangling = connection.execute(
            text(
                "SELECT count(*) FROM reference r WHERE r.to_kind = 'security' AND NOT EXISTS"
                " (SELECT 1 FROM definition d WHERE d.kind = r.to_kind AND d.name = r.to_name)"
            )
        ).scalar()
        used = {
            row.to_name
            for row in connection.execute(
                text("SELECT to_name FROM reference WHERE to_kind = 'service'")
            )
        }
        orphans = connection.execute(
            text(
                "SELECT count(*) FROM reference r WHERE NOT EXISTS "
                "(SELECT 1 FROM definition d WHERE d.name = r.name AND d.kind = r.kind)"
            )
        ).scalar()
    given = [
        name
        for package in store.packages.versions(current=True)
        for name in package.services.values()
    ]
    assert (dangling, orphans) == (0, 0)
    assert used <= set(given)
    assert len(given) == len(set(given))
