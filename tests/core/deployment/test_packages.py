"""Deploying packages: versions, names of services, packages that import each other, and who deploys
at the same time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa import Conflict, DeployedPackage, Deployment, Invalid, NotFound, Service
from hansa.contract.records import Applied
from hansa.contract.registry import RegisteredService
from hansa.definitions.definitions import Definitions
from hansa.deployment.packages import Packages
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry

from tests.core.stores import Stores


class Builtin(Service):
    name = "builtin"


@pytest.fixture
def made(store: Stores) -> Packages:
    registry = Registry()
    registry.replace_services("plugin p", [RegisteredService("builtin", Builtin, "plugin p")])

    def announce(revision: int, *, wait: bool = True) -> Applied:
        return Applied(revision, [], [])

    keys = Keys("A" * 43 + "=")
    definitions = Definitions(store.definitions, registry, keys, announce, lambda *_: None)
    return Packages(store.packages, registry, announce, definitions)


class TestServices:
    SOURCE = (
        "from hansa import Service\n"
        "class A(Service):\n"
        "    name = {name!r}\n"
        "    def handle(self): return {answer!r}\n"
    )

    def deploy(
        self, made: Packages, file: str = "x.py", name: str = "a", answer: Any = 1
    ) -> tuple[int, list[str], int]:
        """Deploy one file; returns its version, its services and the revision."""
        done = made.deploy({file: self.SOURCE.format(name=name, answer=answer)}, by="jane")
        (package,) = done.packages
        assert package.file == file
        return package.version, package.services, done.revision

    def test_versions(self, made: Packages):
        assert self.deploy(made) == (1, ["a"], 1)
        assert self.deploy(made) == (1, ["a"], 1), "the same source is no new version"
        assert self.deploy(made, answer=2) == (2, ["a"], 2)
        assert self.deploy(made) == (1, ["a"], 3), "what was deployed before"
        serving, second = made.get("x.py"), made.get("x.py", 2)
        assert serving and "return 1" in serving.files["x.py"]
        assert second and "return 2" in second.files["x.py"]
        assert made.get("x.py", 3) is None
        assert [(p.version, p.current, p.by) for p in made.versions()] == [
            (1, True, "jane"),
            (2, False, "jane"),
        ]

    def test_names_of_others(self, made: Packages):
        with pytest.raises(Conflict, match="the service builtin comes with a plugin"):
            self.deploy(made, name="builtin")
        self.deploy(made)
        with pytest.raises(Conflict, match=r"the service a is already given by x.py"):
            self.deploy(made, file="y.py")

    def test_what_does_not_import_is_not_stored(self, made: Packages):
        with pytest.raises(Invalid, match=r"x.py, line 1: SyntaxError"):
            made.deploy({"x.py": "x = = 1"})
        with pytest.raises(Invalid, match="must be letters"):
            made.deploy({"../x.py": ""})
        assert made.store.database.revision() == 0

    def test_what_is_tried_is_not_stored(self, made: Packages):
        self.deploy(made, "rates.py", "rates")
        user = "import rates\n" + self.SOURCE.format(name="shop", answer=1)
        made.deploy({"shop.py": user})
        revision = made.store.database.revision()
        tried = made.try_sources(
            {"rates.py": self.SOURCE.format(name="rates", answer=2), "b.py": ""}
        )
        assert tried == [
            DeployedPackage("b.py", 0, []),
            DeployedPackage("rates.py", 1, ["rates"]),
            DeployedPackage("shop.py", 1, ["shop"]),
        ]
        with pytest.raises(Invalid, match=r"rates.py, line 2: NameError"):
            made.try_sources({"rates.py": "\nmissing"})
        with pytest.raises(Conflict, match="the service builtin comes with a plugin"):
            made.try_sources({"b.py": self.SOURCE.format(name="builtin", answer=1)})
        assert made.store.database.revision() == revision
        assert "b.py" not in made.serving()

    def test_taken_out_of_service_alone_or_as_others_come(self, made: Packages):
        self.deploy(made)
        with pytest.raises(NotFound, match=r"no file 'a.py' is deployed"):
            made.deploy({}, remove=["a.py"])
        assert made.deploy({}, remove=["x.py"]).packages == []
        self.deploy(made)
        answer = made.deploy({"y.py": self.SOURCE.format(name="a", answer=2)}, remove=["x.py"])
        assert ([p.file for p in answer.packages], answer.revision) == (["y.py"], 4)
        assert made.serving() == {"y.py": 1}


def back(made: Packages, file: str, version: int) -> Any:
    """Let an older version serve again; gives the version that does."""
    package = made.get(file, version)
    assert package
    return made.deploy(package.files).packages[0].version


class TestHelpers:
    """Packages that import each other: one change, tried with all that it means for others."""

    HELPER = "def f(): return {answer!r}\n"
    USER = (
        "from hansa import Service\n"
        "from {module} import f\n"
        "class A(Service):\n"
        "    def handle(self):\n"
        "        return f()\n"
    )

    def deploy(self, made: Packages, answer: Any = 1, **more: str) -> Deployment:
        files = {"uses.py": self.USER.format(module="rates.tables"), "rates/__init__.py": ""}
        return made.deploy({**files, "rates/tables.py": self.HELPER.format(answer=answer), **more})

    def test_several_files_are_one_change_in_any_order(self, made: Packages):
        answer = self.deploy(made)
        packages = [
            DeployedPackage("rates/", 1, []),
            DeployedPackage("uses.py", 1, ["uses.a"]),
        ]
        assert answer == Deployment(1, [], [], packages)
        assert [(c.name, c.revision) for c in made.store.database.changes(0)] == [
            ("rates/", 1),
            ("uses.py", 1),
        ]
        again = self.deploy(made, answer=2)
        assert [(p.file, p.version) for p in again.packages] == [
            ("rates/", 2),
            ("uses.py", 1),
        ]
        assert [c.name for c in made.store.database.changes(1)] == ["rates/"]
        found = made.get("rates/")
        assert found and found.files == {
            "rates/__init__.py": "",
            "rates/tables.py": self.HELPER.format(answer=2),
        }

    def test_all_or_none(self, made: Packages):
        with pytest.raises(Invalid, match=r"other.py, line 1: SyntaxError"):
            self.deploy(made, **{"other.py": "x = = 1"})
        with pytest.raises(Invalid, match=r"'more/x.py' must be"):
            self.deploy(made, **{"more/x.py": ""})
        assert (made.store.database.revision(), made.versions()) == (0, [])

    def test_a_helper_that_breaks_its_users_is_refused_also_when_it_comes_back(
        self, made: Packages
    ):
        made.deploy({"rates.py": "def g(): pass\n"})
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        told = r"uses.py, line 2: ImportError: cannot import name 'f' from 'rates' \(rates.py\)"
        with pytest.raises(Invalid, match=told):
            made.deploy({"rates.py": "def g(): pass\ndef h(): pass\n"})
        with pytest.raises(Invalid, match=told):
            back(made, "rates.py", 1)
        assert made.serving() == {"rates.py": 2, "uses.py": 1}
        made.deploy({"rates.py": self.HELPER.format(answer=3)})
        assert back(made, "rates.py", 2) == 2
        assert back(made, "rates.py", 3) == 3

    def test_a_user_whose_old_version_needs_an_old_helper_does_not_come_back_alone(
        self, made: Packages
    ):
        made.deploy(
            {
                "rates.py": "def g(): pass\n",
                "uses.py": self.USER.format(module="rates").replace(" f", " g", 1),
            }
        )
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        with pytest.raises(Invalid, match="cannot import name 'g'"):
            back(made, "uses.py", 1)

    def test_what_is_imported_is_not_deleted_and_its_users_are_named(self, made: Packages):
        self.deploy(made, **{"more.py": "def late():\n    import uses\n"})
        with pytest.raises(Conflict, match=r"in use: rates is imported by more.py, uses.py"):
            made.deploy({}, remove=["rates/"])
        with pytest.raises(Conflict, match=r"in use: uses is imported by more.py"):
            made.deploy({}, remove=["uses.py"])
        for name in ("more.py", "uses.py", "rates/"):
            made.deploy({}, remove=[name])
        assert made.serving() == {}
        with pytest.raises(NotFound, match="no file 'rates/' is deployed"):
            made.deploy({}, remove=["rates/"])
        assert back(made, "rates/", 1) == 1, "what was deleted can be brought back by its number"

    def test_a_circle_is_deleted_together(self, made: Packages):
        made.deploy({"one.py": "import two", "two.py": "import one"})
        with pytest.raises(Conflict, match=r"in use: one is imported by two.py"):
            made.deploy({}, remove=["one.py"])
        assert made.deploy({}, remove=["one.py", "two.py"]).revision == 2

    def test_a_module_that_grows_into_a_folder_takes_its_place(self, made: Packages):
        made.deploy(
            {"rates.py": self.HELPER.format(answer=1), "uses.py": self.USER.format(module="rates")}
        )
        made.deploy(
            {
                "rates/__init__.py": "from .tables import f",
                "rates/tables.py": self.HELPER.format(answer=2),
            }
        )
        assert made.serving() == {"rates/": 1, "uses.py": 1}
        assert back(made, "rates.py", 1) == 1
        assert made.serving() == {"rates.py": 1, "uses.py": 1}

    def test_names_that_depend_on_a_helper_follow_it(self, made: Packages):
        source = "from hansa import Service\nfrom rates import NAME\nclass A(Service):\n    name = NAME\n"
        made.deploy({"rates.py": "NAME = 'a'", "uses.py": source})
        made.deploy({"rates.py": "NAME = 'b'"})
        found = {p.file: [*p.services.values()] for p in made.current()}
        assert found == {"rates.py": [], "uses.py": ["b"]}
        with pytest.raises(Conflict, match="the service builtin comes with a plugin"):
            made.deploy({"rates.py": "NAME = 'builtin'"})

    def test_the_files_of_all_versions_are_listed(self, made: Packages):
        self.deploy(made)
        self.deploy(made, **{"rates/more.py": ""})
        assert [(p.file, p.version, sorted(p.files)) for p in made.versions()] == [
            ("rates/", 1, ["rates/__init__.py", "rates/tables.py"]),
            ("rates/", 2, ["rates/__init__.py", "rates/more.py", "rates/tables.py"]),
            ("uses.py", 1, ["uses.py"]),
        ]

    def test_at_the_same_time_each_is_tried_with_what_serves_then(self, made: Packages):
        """Whichever of two contradicting changes is first, the other is refused: no half of each is
        ever served.
        """
        made.deploy({"rates.py": "f = g = 1", "uses.py": self.USER.format(module="rates")})

        def attempt(files: dict[str, str]) -> str:
            try:
                made.deploy(files)
                return "done"
            except Invalid as invalid:
                return invalid.errors["source"]

        uses_g = {"uses.py": self.USER.format(module="rates").replace(" f", " g", 1)}
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(attempt, {f"other{number}.py": ""}) for number in range(2)]
            found = list(pool.map(attempt, [{"rates.py": "f = 1"}, uses_g]))
        assert [other.result() for other in others] == ["done", "done"]
        assert sorted(text.partition(" ")[0] for text in found) == ["done", "uses.py,"]
        assert back(made, "other0.py", 1) == 1


def test_a_byte_order_mark_before_a_source_is_taken_off(made: Packages) -> None:
    source = "from hansa import Service\nclass Marked(Service):\n    name = 'marked'\n"
    made.deploy({"marked.py": "\ufeff" + source})
    assert [package.source for package in made.current()] == [source]


class TestNamesOfFiles:
    """Names that Python has not: modules have one that is made of them."""

    SOURCE = (
        "from hansa import Service\nfrom my_helper import f\nclass A(Service):\n    name = f()\n"
    )

    def test_they_are_imported_by_the_name_made_of_theirs(self, made: Packages) -> None:
        files = {"my-helper.py": "def f(): return 'answer'\n", "My Service.v2.py": self.SOURCE}
        done = made.deploy(files, by="jane")
        assert {one.file: one.services for one in done.packages} == {
            "My Service.v2.py": ["answer"],
            "my-helper.py": [],
        }
        with pytest.raises(Conflict, match=r"my_helper is imported by My Service\.v2\.py"):
            made.deploy({}, remove=["my-helper.py"])

    def test_faults_name_the_file(self, made: Packages) -> None:
        with pytest.raises(Invalid, match=r"bad - name\.py, line 2: ZeroDivisionError"):
            made.deploy({"bad - name.py": "\n1 / 0\n"}, by="jane")
        with pytest.raises(Invalid, match=r"no-syntax\.py, line 1: SyntaxError"):
            made.deploy({"no-syntax.py": "print 1\n"}, by="jane")

    def test_another_name_of_the_same_module_takes_its_place(self, made: Packages) -> None:
        made.deploy({"my-helper.py": "x = 1\n"}, by="jane")
        made.deploy({"my_helper.py": "x = 2\n"}, by="jane")
        assert list(made.serving()) == ["my_helper.py"]
