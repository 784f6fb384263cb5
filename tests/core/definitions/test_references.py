"""What a definition refers to: found in plain data and in models, at any depth, by its path."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa.contract.records import Reference
from hansa.definitions.references import references


class Step(Model):
    calls: Annotated[str, setting("Service of the step", refers="service")] = ""
    over: Annotated[str, setting("Connection", refers="outgoing sql")] = ""


class Config(Model):
    over: Annotated[str, setting("Connection", refers="outgoing sql")] = "db"
    users: Annotated[list[str], setting("Callers", refers="security")] = []
    service: Annotated[str | None, setting("Service", refers="service")] = None
    first: Annotated[Step | None, setting("First step")] = None
    steps: Annotated[list[Step], setting("Steps")] = []
    named: Annotated[dict[str, Step], setting("Steps by name")] = {}


def found(settings: Model | dict[str, object]) -> list[Reference]:
    return list(references(Config, settings))


def test_texts_and_lists_of_texts_with_defaults_of_a_model():
    assert found(Config()) == [Reference("over", "outgoing", "sql", "db")]
    assert found(Config(over="", users=["a", "b"], service="s")) == [
        Reference("users", "security", "", "a"),
        Reference("users", "security", "", "b"),
        Reference("service", "service", "", "s"),
    ]


def test_plain_data_names_only_what_it_has():
    assert found({}) == []
    assert found({"over": 5, "users": "a", "service": None}) == [
        Reference("users", "security", "", "a")
    ]


def test_models_inside_by_their_path():
    inside: dict[str, object] = {
        "first": {"calls": "one"},
        "steps": [{"over": "db"}, {"calls": "two"}],
        "named": {"x": {"calls": "three"}},
    }
    expected = [
        Reference("first.calls", "service", "", "one"),
        Reference("steps[0].over", "outgoing", "sql", "db"),
        Reference("steps[1].calls", "service", "", "two"),
        Reference("named.x.calls", "service", "", "three"),
    ]
    assert found(inside) == expected
    made = Config(
        over="",
        first=Step(calls="one"),
        steps=[Step(over="db"), Step(calls="two")],
        named={"x": Step(calls="three")},
    )
    assert found(made) == expected


class Trusting(Model):
    ca: Annotated[str, setting("Authorities", refers="security tls_ca", path=True)] = ""


def test_a_path_where_one_may_stand_is_no_name():
    names = ["partner", "", "/etc/ca.pem", "./ca.pem"]
    found = [each for name in names for each in references(Trusting, Trusting(ca=name))]
    assert found == [Reference("ca", "security", "tls_ca", "partner")]
