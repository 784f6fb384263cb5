"""What holds for values beyond their types, through whichever door they come: decimals are finite
and of a bounded size, and models pass their own `check`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ..foundation.errors import Invalid
from .decimals import collect_decimal_texts, fault_of_decimal
from .faults import Faults, path_below
from .members import members, types_within
from .model import Model


class RuleCheck:
    """Raises `Invalid` with every rule that a value of a type breaks.

    `texts` does so for plain data in which texts stand for decimals by the rules of Python alone:
    once they are read, nothing shows it.
    """

    def __init__(self, hint: object) -> None:
        self._hint = hint

    def __call__(self, value: object) -> None:
        faults: Faults = {}
        collect_broken_rules(value, "", faults)
        if faults:
            raise Invalid(faults)

    def texts(self, data: object) -> None:
        """Check plain data that fits the type."""
        faults: Faults = {}
        collect_decimal_texts(data, self._hint, "", faults)
        if faults:
            raise Invalid(faults)


class _RuledMember(NamedTuple):
    """A member of a record whose type has rules: its name in messages, and in Python."""

    name: str
    attribute: str


# records of services that were deployed anew must be free to go, hence weak keys
_ruled_members: WeakKeyDictionary[type, tuple[_RuledMember, ...]] = WeakKeyDictionary()


def rule_checker(hint: object) -> RuleCheck | None:
    """Return what raises `Invalid` with every rule that a value of a type breaks.

    None for a type without rules: it has no decimal in it, and no model with a `check` of its own.
    """
    return RuleCheck(hint) if _has_rules(hint) else None


def _has_rules(hint: object) -> bool:
    return any(kind is Decimal or _checks_itself(kind) for kind in types_within(hint))


def _checks_itself(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model) and kind.check is not Model.check


def collect_broken_rules(value: object, path: str, faults: Faults) -> None:
    """Add the rules that a value breaks, and those that anything in it does, by path."""
    if isinstance(value, Decimal):
        fault = fault_of_decimal(value)
        if fault:
            faults[path] = fault
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            collect_broken_rules(item, path_below(path, f"[{index}]"), faults)
    elif isinstance(value, dict):
        for key, item in value.items():
            collect_broken_rules(key, path, faults)
            collect_broken_rules(item, path_below(path, str(key)), faults)
    else:
        _collect_of_record(value, path, faults)


def _collect_of_record(value: object, path: str, faults: Faults) -> None:
    for name, attribute in _members_with_rules(type(value)):
        collect_broken_rules(getattr(value, attribute), path_below(path, name), faults)
    if isinstance(value, Model):
        try:
            value.check()
        except Invalid as invalid:
            for name, fault in invalid.errors.items():
                faults[path_below(path, name).strip(".")] = fault


def _members_with_rules(kind: type) -> tuple[_RuledMember, ...]:
    """Return the members of a record that need to be looked at; none of what is no record."""
    known = _ruled_members.get(kind)
    if known is not None:
        return known
    found: list[_RuledMember] = []
    for member in members(kind) or ():
        if _has_rules(member.hint):
            found.append(_RuledMember(member.name, member.attribute))
    return _ruled_members.setdefault(kind, tuple(found))
