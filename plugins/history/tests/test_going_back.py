"""Whatever was changed, going back to a revision gives the very bytes that were exported then, by one
revision, which one more takes back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Annotated, Any

import pytest
from hansa import (
    Applied,
    Channel,
    Edit,
    HansaError,
    Invalid,
    Model,
    Outgoing,
    Request,
    Secret,
    Service,
    load,
    setting,
)
from hansa.cluster.cluster import Cluster
from hansa.definitions.definitions import Definitions
from hansa.deployment.packages import Packages
from hansa.odb import tables
from hansa.odb.change_log import OdbChangeLog
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry
from hansa_admin.administration import Administration
from hansa_admin.configuration import ConfigPlan
from hansa_admin.export import export
from hansa_admin.packages import Version
from hansa_devkit import LocalServer
from hansa_history.services import (
    AskedReversion,
    AskedRevision,
    AskedRevisions,
    HistoryGet,
    HistoryRevert,
)
from hypothesis import given, settings, strategies as st

from tests.core.stores import Stores

KEYS = Keys("A" * 43 + "=")
NAMES = ("a", "b", "c")
FILES = ("rates.py", "orders.py", "rates/__init__.py")


class Login(Model):
    user: Annotated[str, setting("User")] = ""
    token: Annotated[Secret | None, setting("Token")] = None


class RemoteOutgoing(Outgoing):
    type = "remote"

    class Config(Model):
        host: Annotated[str, setting("Host")] = "localhost"
        port: Annotated[int, setting("Port", ge=1)] = 80
        password: Annotated[Secret | None, setting("Password")] = None
        login: Annotated[Login, setting("Login")] = Login()
        over: Annotated[str | None, setting("Another", refers="outgoing remote")] = None


class PathChannel(Channel):
    type = "path"

    class Config(Model):
        path: Annotated[str, setting("Path")]

    @classmethod
    def claims(cls, config: Any) -> Iterable[str]:
        return [f"the path {config.path}"]


def services_of(
    after: Mapping[str, str], new: Mapping[str, str], *limits: object
) -> dict[str, dict[str, str]]:
    """Return the services that sources name, as a trial would find them in the code."""
    return {
        file: {name.title(): name for name in re.findall(r"serves ([a-z.]+)", source)}
        for file, source in new.items()
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = Stores.new(tmp_path_factory.mktemp("history") / "odb.sqlite")
    yield stores
    stores.engine.dispose()


@pytest.fixture(scope="module")
def server(store: Stores) -> Iterator[LocalServer]:
    """A server with a real ODB, whose packages are not run."""
    registry = Registry()
    registry.add_types("p", [RemoteOutgoing, PathChannel])

    def announce(revision: int, *, wait: bool = True) -> Applied:
        return Applied(revision, [], [])

    definitions = Definitions(store.definitions, registry, KEYS, announce, lambda *_: None)
    packages = Packages(store.packages, registry, announce, definitions)
    made = LocalServer(
        registry=registry,
        definitions=definitions,
        packages=packages,
        change_log=OdbChangeLog(store.database),
        resources=[Administration()],
    )
    cluster = Cluster("c", store.database, KEYS, made.bus, lambda: None)
    made.cluster = cluster  # type: ignore[assignment]  # that of a real server
    with pytest.MonkeyPatch.context() as patch, closing(made):
        patch.setattr("hansa.deployment.packages.trial", services_of)
        yield made


def empty(store: Stores) -> None:
    with store.engine.begin() as connection:
        for table in (tables.definition, tables.reference, tables.claim, tables.package):
            connection.execute(table.delete())
        connection.execute(tables.change.delete())
        connection.execute(tables.cluster.update().values(revision=0, history_from=None))


def call(server: LocalServer, service: type[Service], **payload: Any) -> Any:
    return server.run(service, Request(payload=payload)).payload


def exported(server: LocalServer) -> str:
    return json.dumps(export(server, services=True))


# -- random changes --------------------------------------------------------------------------------

SECRETS = st.sampled_from([None, "red", "blue"])
REMOTE = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["localhost", "other"]),
        "port": st.sampled_from([80, 81]),
        "login": st.fixed_dictionaries({"user": st.sampled_from(["ada", ""])}),
        "over": st.sampled_from([None, *NAMES]),
    },
)
SECRET = st.fixed_dictionaries(
    {}, optional={"password": SECRETS, "login": st.fixed_dictionaries({"token": SECRETS})}
)
PATH = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/1", "/2", "/3"]),
        "service": st.sampled_from(["rates.get", "orders.get"]),
    }
)
NAME = st.sampled_from(NAMES)
MODE = st.sampled_from(["create", "edit", "set"])


def edits(remote: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[Edit]]:
    one = st.one_of(
        st.builds(
            lambda name, data, mode: Edit(("outgoing", "remote", name), data, mode),
            NAME,
            remote,
            MODE,
        ),
        st.builds(lambda name, data: Edit(("channel", "path", name), data), NAME, PATH),
        st.builds(lambda name: Edit(("outgoing", "remote", name)), NAME),
        st.builds(lambda name: Edit(("channel", "path", name)), NAME),
    )
    return st.lists(one, min_size=1, max_size=4, unique_by=lambda edit: edit.key)


SOURCE = st.builds(
    lambda number, names: "\n".join([f"# {number}", *(f"# serves {name}" for name in names)]),
    st.integers(1, 3),
    st.sets(st.sampled_from(["rates.get", "orders.get"])).map(sorted),
)
DEPLOYMENT = st.tuples(
    st.dictionaries(st.sampled_from(FILES), SOURCE, max_size=2),
    st.sets(st.sampled_from(["rates.py", "orders.py", "rates/"]), max_size=1),
)


def changes(remote: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(edits(remote), DEPLOYMENT), min_size=1, max_size=8)


def make(server: LocalServer, change: Any) -> None:
    """Make a change, unless it is refused."""
    try:
        if isinstance(change, list):
            server.definitions.change(change, by="ada")
        else:
            files, remove = change
            server.packages.deploy(files, remove=remove, by="pickup")
    except HansaError:
        pass


def histories(server: LocalServer, store: Stores, made: list[Any]) -> dict[int, str]:
    """Make changes; returns what was exported at each revision."""
    empty(store)
    found = {0: exported(server)}
    for change in made:
        make(server, change)
        found.setdefault(store.database.revision(), exported(server))
    return found


@given(made=changes(REMOTE), data=st.data())
@settings(deadline=None)
def test_going_back_gives_the_same_bytes(
    server: LocalServer, store: Stores, made: list[Any], data: st.DataObject
) -> None:
    found = histories(server, store, made)
    newest = max(found)
    target = data.draw(st.sampled_from(sorted(found)))
    then = json.loads(found[target])
    planned = call(server, HistoryRevert, revision=target, plan=True)
    by_file = call(server, ConfigPlan, config=then, prune=True)
    assert [planned["changes"], planned["unchanged"]] == list(by_file.values())
    assert exported(server) == found[newest], "a plan changes nothing"
    done = call(server, HistoryRevert, revision=target, seen_revision=planned["seen_revision"])
    assert exported(server) == found[target]
    assert done["changes"] == planned["changes"]
    if not done["changes"]:
        assert found[newest] == found[target]
        assert done["revision"] is None
        return
    assert done["revision"] == newest + 1 == store.database.revision(), "it is one revision"
    shown = call(server, HistoryGet, revision=newest + 1)
    assert {(one["kind"], one["type"], one["name"]) for one in shown["changes"]} >= {
        (one["kind"], one["type"], one["name"]) for one in planned["changes"]
    }
    again = call(server, HistoryRevert, revision=target)
    assert (again["changes"], again["revision"]) == ([], None)
    call(server, HistoryRevert, revision=newest + 1, undo=True)
    assert exported(server) == found[newest]


@given(made=changes(st.builds(dict.__or__, REMOTE, SECRET)), data=st.data())
@settings(deadline=None)
def test_secrets_go_back_too(
    server: LocalServer, store: Stores, made: list[Any], data: st.DataObject
) -> None:
    """A secret that was replaced and set again is encrypted anew: then the bytes differ."""
    found = histories(server, store, made)
    target = data.draw(st.sampled_from(sorted(found)))
    call(server, HistoryRevert, revision=target)
    comparable = server.definitions.comparable
    assert comparable(json.loads(exported(server))) == comparable(json.loads(found[target]))
    for revision in range(1, store.database.revision() + 1):
        shown = json.dumps(call(server, HistoryGet, revision=revision, everything=True))
        assert not re.search("red|blue|encrypted", shown)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (AskedRevision, {"revision": 2**31}),
        (AskedRevisions, {"offset": 2**63}),
        (AskedReversion, {"revision": 1, "seen_revision": -(2**63) - 1}),
        (Version, {"file": "a.py", "version": 2**63}),
    ],
)
def test_a_number_that_no_revision_has_is_a_fault_of_the_input(
    model: type[Model], data: dict[str, object]
) -> None:
    with pytest.raises(Invalid) as found:
        load(model, data)
    assert set(found.value.errors) == {list(data)[-1]}
