"""One worker that cannot go on is replaced, and not another that has its place by then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hansa.process.replacement import Replacement


class Spawner:
    """Where workers come from: it notes what becomes of its template."""

    def __init__(self) -> None:
        self.template = "old"
        self.former = ""
        self.imported: list[str] = []
        self.looks = 0

    def settled(self) -> bool:
        """It has to be asked twice."""
        self.looks += 1
        return self.looks % 2 == 0

    def renew(self) -> None:
        self.template, self.former = "new", self.template

    def drop_former(self) -> None:
        self.former = ""

    def go_back(self) -> None:
        self.template = self.former or self.template

    def import_modules(self, modules: list[str]) -> None:
        self.imported = modules


class Workers:
    """The workers of a supervisor, of which a new one is ready at once."""

    def __init__(self, *generations: int) -> None:
        self.serving: dict[int, Any] = {
            index: SimpleNamespace(generation=generation, plugins=[], ready=True)
            for index, generation in enumerate(generations)
        }
        self.ending: list[Any] = []
        self.new: Any = None
        self.replaced: list[int] = []
        self.spawner = Spawner()

    def spawn(self, index: int) -> Any:
        self.replaced.append(index)
        return SimpleNamespace(generation=100, plugins=[], modules=["a"], ready=True)

    def give_job(self, process: Any, needed: Any) -> None:
        """Nothing is to be done by it."""

    def ask_to_end(self, process: Any, closing: bool) -> None:
        """It ends at once."""


@pytest.fixture
def workers():
    return Workers(5, 6)


@pytest.fixture
def replacement(workers):
    return Replacement(workers)


def proceed(replacement):
    replacement.proceed()
    while replacement.running:
        replacement.proceed()


def test_one_that_is_stuck_is_replaced(replacement, workers):
    replacement.want_one(1, 6)
    proceed(replacement)
    assert workers.replaced == [1]
    proceed(replacement)
    assert workers.replaced == [1]


def test_another_in_its_place_is_not(replacement, workers):
    replacement.want_one(1, 5)
    replacement.want_one(7, 6)
    proceed(replacement)
    assert workers.replaced == []


def test_asking_again_while_it_is_replaced_does_not_replace_its_successor(replacement, workers):
    replacement.want_one(0, 5)
    replacement.proceed()
    replacement.want_one(0, 5)
    proceed(replacement)
    assert workers.replaced == [0]


def test_a_replacement_of_all_includes_it(replacement, workers):
    replacement.want_one(0, 5)
    replacement.want(3)
    proceed(replacement)
    assert workers.replaced == [0, 1]


def test_what_ended_a_new_worker_is_named(replacement, workers):
    """The workers that go on know what the new one was starting when it ended."""
    dead = SimpleNamespace(ready=False, over=True, faults=None, state="ended with status 3")
    told: list[str] = []
    workers.spawn = lambda index: dead
    workers.bury = lambda process: ["plugin y (hansa_startup)"]
    workers.tell_serving = lambda event, why: told.append(why)
    replacement.want(7)
    proceed(replacement)
    assert told == ["ended with status 3 while it started plugin y (hansa_startup)"]


def test_all_are_replaced_by_what_is_installed_now_and_one_by_what_the_others_run(
    replacement, workers
):
    replacement.want_one(1, 6)
    proceed(replacement)
    assert (workers.spawner.template, workers.spawner.imported) == ("old", [])
    replacement.want(7)
    proceed(replacement)
    assert (workers.spawner.template, workers.spawner.imported) == ("new", ["a"])
    assert workers.spawner.former == "", "what was installed before is not needed any more"


def test_what_does_not_start_leaves_the_code_of_the_others(replacement, workers):
    workers.spawn = lambda index: SimpleNamespace(
        ready=False, over=True, faults={"": "no"}, state="ended with status 1"
    )
    workers.bury = lambda process: []
    workers.tell_serving = lambda event, why: None
    replacement.want(7)
    proceed(replacement)
    assert workers.spawner.template == "old"
