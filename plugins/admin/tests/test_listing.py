"""What a list asks for: each object once, however many facts are shown of it."""

from __future__ import annotations

from types import SimpleNamespace

from hansa import (
    Channel,
    Definition,
    DefinitionRecord,
    NoSettings,
    PlainSettings,
    RegisteredType,
    Request,
    Unavailable,
)
from hansa_admin.definitions import List


class Clock(Channel[NoSettings]):
    """A channel with planned runs, which works in another worker."""

    type = "clock"
    delivery = "at_least_once"

    def next_runs(self, count: int) -> list[str]:
        return ["2030-01-01T00:00:00Z"]


class Elsewhere:
    """Stands for the objects and the definitions of a worker in which none of them runs."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def all(self, kind: str, type: str) -> list[DefinitionRecord]:
        names = ("a", "b", "c-off")
        return [DefinitionRecord(kind, type, one, {"active": one != "c-off"}) for one in names]

    def get(self, kind: str, type: str, name: str) -> Definition[NoSettings]:
        raise Unavailable(f"{name} is elsewhere")

    def state(self, kind: str, type: str, name: str) -> None:
        return None

    def make(self, kind: str, type: str, name: str, data: PlainSettings) -> Clock:
        self.made.append(name)
        return Clock(name, NoSettings(), SimpleNamespace())


def test_each_object_is_made_once_from_the_definition_that_is_at_hand() -> None:
    there = Elsewhere()
    listing = type(
        "ListClocks", (List,), {"of": RegisteredType("channel", "clock", Clock, "p", NoSettings)}
    )()
    listing.server = SimpleNamespace(
        id="one/0.1", objects=there, definitions=there, cluster=SimpleNamespace(reports=dict)
    )
    listing.request = Request()
    listing.request.input = {"filter": "", "offset": 0, "limit": 10}
    answer = listing.handle()
    shown = [(one["name"], one["delivery"], one["next_run"]) for one in answer["items"]]
    assert shown == [
        ("a", "at_least_once", "2030-01-01T00:00:00Z"),
        ("b", "at_least_once", "2030-01-01T00:00:00Z"),
        ("c-off", "at_least_once", None),
    ]
    assert there.made == ["a", "b", "c-off"]
