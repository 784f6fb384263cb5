"""The type that a record makes for merging is its own, and is made once."""

from __future__ import annotations

import msgspec
from hansa import Model
from hansa.settings.members import members, partial_record


class Order(Model):
    number: int
    name: str = "nobody"


class Express(Order):
    hours: int


class Plain(msgspec.Struct):
    number: int


def partial(record):
    return partial_record(record, members(record) or ())


def test_it_is_made_once():
    assert partial(Order) is partial(Order)
    assert partial(Plain) is partial(Plain)


def test_a_subclass_has_one_of_its_own():
    partial(Order)
    assert partial(Express)().hours is msgspec.UNSET
    assert not hasattr(partial(Order)(), "hours")


def test_each_member_may_be_left_out():
    assert partial(Order)().name is msgspec.UNSET
    assert partial(Plain)().number is msgspec.UNSET
