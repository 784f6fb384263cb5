"""What validation says of a change is what the change does, for random settings of every type that
is installed.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import Any, Literal, get_args

import pytest
from hansa import (
    Applied,
    Edit,
    Invalid,
    Model,
    RegisteredService,
    RegisteredType,
    Service,
    dump,
    fields,
)
from hansa.contract.records import DefinitionRecord
from hansa.definitions.definitions import Definitions
from hansa.odb.keys import Keys
from hansa.plugins.configuration import read_config
from hansa.plugins.discovery import load_plugins
from hansa.settings.model import Field
from hypothesis import HealthCheck, event as seen_event, given, settings, strategies as st
from sqlalchemy import event

from tests.core.stores import Stores

NAMES = st.sampled_from(["a", "b", "c"])
TYPES: list[RegisteredType] = []
UNSYNCED = "PRAGMA synchronous=OFF"
KEYS = Keys(base64.urlsafe_b64encode(os.urandom(32)).decode())
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
REFERENCES = st.sampled_from(
    [{"$env": "HOME"}, {"$env": "NOT_SET_AT_ALL"}, {"$file": "/nowhere"}, {"$encrypted": "x"}]
)
"""What may stand for any value: one of these is there."""
MODES: list[Literal["set", "create", "edit"]] = ["set", "set", "create", "edit"]


class Builtin(Service):
    """A service for channels to name."""

    name = "builtin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Definitions]:
    """Definitions of all types that the plugins of this environment register, over an empty store."""
    folder = tmp_path_factory.mktemp("every")
    (folder / "config.toml").write_text("")
    plugins = load_plugins(read_config(str(folder / "config.toml"), directory=str(folder)), set())
    stores = Stores.new(folder / "odb.sqlite")
    # nothing here is about what survives a crash
    event.listen(stores.engine, "connect", lambda connection, _: connection.execute(UNSYNCED))
    stores.engine.dispose()
    made = Definitions(
        stores.definitions, plugins.registry, KEYS, announce, lambda name, value: None
    )
    builtin = RegisteredService("builtin", Builtin, "plugin p")
    plugins.registry.replace_services("plugin p", [builtin])
    user = ("security", "basic", "builtin")
    made.builtin[user] = DefinitionRecord(*user, {"username": "u", "password": "p"}, builtin=True)
    TYPES[:] = plugins.registry.types()
    assert len({one.kind for one in TYPES}) >= 3
    yield made
    stores.engine.dispose()


def announce(revision: int, *, wait: bool = True) -> Applied:
    """Nobody is told."""
    return Applied(revision, [], [])


def models_in(hint: Any) -> list[type[Model]]:
    """The models that a type is, or is a choice or a list of."""
    if isinstance(hint, type) and issubclass(hint, Model):
        return [hint]
    return [model for argument in get_args(hint) for model in models_in(argument)]


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of a setting that may fit, and some that do not."""
    if field.refers:
        names = NAMES | st.sampled_from(["", "builtin", "nowhere", "json"])
        return names | st.lists(names, max_size=2) | ANYTHING
    likely = [st.just(example) for example in getattr(field.meta, "examples", None) or ()]
    if not field.required:
        likely.append(st.just(dump(field.default, str)))
    for model in models_in(field.type):
        inner = settings_of(model)
        likely += [inner, st.lists(inner, max_size=2)]
    likely.append(st.text("abc/", min_size=1, max_size=8))
    # what fits is drawn more often, else hardly anything would be stored
    return st.one_of(*likely, *likely, *likely, ANYTHING, REFERENCES)


def fitting(field: Field) -> st.SearchStrategy[Any]:
    """Values of a setting that most likely fit."""
    kind, _, type = field.refers.partition(" ")
    if kind:
        known = {"service": "builtin", "format": "json", "security": "builtin"}
        return st.just(known[kind]) if kind in known and not type else NAMES
    examples = getattr(field.meta, "examples", None) or ()
    if examples:
        return st.sampled_from(list(examples))
    return st.sampled_from(["/a", "abc", 1, True])


def fitting_settings(model: type[Model]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings of a model that most likely fit: what is required, and a few more."""
    declared = fields(model)
    required = {one.name: fitting(one) for one in declared if one.required}
    examples = {
        one.name: fitting(one)
        for one in declared
        if not one.required and (one.refers or getattr(one.meta, "examples", None))
    }
    few = st.fixed_dictionaries(required, optional=examples)
    return st.fixed_dictionaries(required) | few


def settings_of(model: type[Model]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings of a model, of which some are missing and some are faulty."""
    declared = fields(model)
    required = {one.name: values(one) for one in declared if one.required}
    optional = {one.name: values(one) for one in declared if not one.required}
    some = st.fixed_dictionaries(required, optional=optional)
    fewer = st.fixed_dictionaries({}, optional={**required, **optional, "odd": ANYTHING})
    return st.one_of(some, some, some, fewer)


@st.composite
def any_edit(draw: st.DrawFn, one: RegisteredType) -> Edit:
    """A change of which anything may be wrong."""
    name = draw(st.sampled_from([*"abcabc", "builtin", "a/b"]))
    data = draw(st.none() | fitting_settings(one.model) | settings_of(one.model))
    mode = draw(st.sampled_from(MODES))
    seen = draw(st.sampled_from([None, None, None, 1]))
    return Edit((one.kind, one.type, name), data, mode, seen)


@st.composite
def good_edit(draw: st.DrawFn, one: RegisteredType) -> Edit:
    """A change that is most likely accepted."""
    return Edit((one.kind, one.type, draw(NAMES)), draw(fitting_settings(one.model)))


@st.composite
def edits(draw: st.DrawFn) -> list[Edit]:
    """Changes that are made together, each of another definition; often all of them good."""
    make = draw(st.sampled_from([any_edit, good_edit, good_edit]))
    types = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    found = [draw(make(one)) for one in types]
    return list({edit.key: edit for edit in found}.values())


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_is_said_is_what_is_done(installed: Definitions, data: st.DataObject):
    changes = data.draw(edits())
    before = installed.store.database.revision()
    faults = installed.validate(changes)
    try:
        revision = installed.change(changes).revision
    except Invalid as invalid:
        assert invalid.errors == faults
        seen_event("refused")
        revision = installed.store.database.revision()
        assert revision == before
    else:
        assert faults == {}
        seen_event("accepted")
        # what changes nothing makes no revision
        assert revision in (before, before + 1)
        assert installed.store.database.revision() == revision
        for edit in changes:
            stored = installed.store.get(*edit.key)
            assert (stored is None) == (edit.data is None)
            if stored is not None:
                installed.read(stored)


def test_each_type_is_stored_with_its_examples(installed: Definitions):
    """Settings that fit are among the random ones: a part of all types can be stored with its
    examples alone.
    """
    stored = 0
    for one in TYPES:
        data = {
            field.name: field.meta.examples[0]
            for field in fields(one.model)
            if field.required and not field.refers and field.meta and field.meta.examples
        }
        stored += not installed.validate([Edit((one.kind, one.type, "example"), data)])
    assert stored >= 5
