"""Messages of protobuf as plain data, and plain data as messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hansa import Invalid, Secret

from .known_types import READERS, WRITERS
from .members import exact_of, members_of, scalar_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

Faults: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is read and written."""

    name: str
    is_map: bool
    is_list: bool
    has_presence: bool
    is_message: bool
    """Whether it has messages, or those of its entries, if it is a map."""
    read: Callable[[Any], Any]
    exact: type | None
    """The type of values that the field takes as they are; None where each has to be looked at."""
    scalar: Callable[[Any], Any]
    """Returns a value as the field takes it; raises TypeError or ValueError for another kind."""


class Values:
    """Converts messages of one set of descriptors; what it learns of a type it keeps."""

    def __init__(self) -> None:
        self._plans: dict[Descriptor, dict[str, FieldPlan]] = {}

    # -- reading -----------------------------------------------------------------------------------

    def read(self, message: Message) -> Any:
        """Return the plain data of a message: fields by the names of the .proto; those that know
        whether they were sent, and were not, are left out.
        """
        plans = self._plans.get(message.DESCRIPTOR)
        if plans is None:
            special = READERS.get(message.DESCRIPTOR.full_name)
            if special is not None:
                return special(message)
            plans = self._planned_all(message.DESCRIPTOR)
        found: dict[str, Any] = {}
        for plan in plans.values():
            if plan.has_presence and not message.HasField(plan.name):
                continue
            value = getattr(message, plan.name)
            if plan.is_map:
                # of a map that is read by its keys, a message is made for each that is missing
                found[plan.name] = {key: plan.read(value[key]) for key in list(value)}
            elif plan.is_list:
                is_plain = plan.read is _same
                found[plan.name] = list(value) if is_plain else [plan.read(item) for item in value]
            else:
                found[plan.name] = plan.read(value)
        return found

    def _planned_all(self, descriptor: Descriptor) -> dict[str, FieldPlan]:
        """Return how the fields of a message are read and written, by their names, and keep it."""
        # PERF: kept by the descriptor itself, since its name is made anew each time it is asked for
        found = {field.name: self._planned(field) for field in descriptor.fields}
        self._plans[descriptor] = found
        return found

    def _planned(self, field: FieldDescriptor) -> FieldPlan:
        entry = field.message_type
        is_map = entry is not None and entry.GetOptions().map_entry
        value = entry.fields_by_name["value"] if is_map else field
        return FieldPlan(
            field.name,
            is_map,
            field.is_repeated and not is_map,
            field.has_presence,
            value.message_type is not None,
            self._reader(value),
            None if is_map else exact_of(value),
            scalar_of(value),
        )

    def _reader(self, field: FieldDescriptor) -> Callable[[Any], Any]:
        if field.message_type is not None:
            return self.read
        if field.enum_type is not None:
            names = {number: one.name for number, one in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number, number)
        return _same

    # -- writing -----------------------------------------------------------------------------------

    def write(self, message: Message, value: Any) -> None:
        """Put plain data, or an object of a declared type, into an empty message.

        Raises `Invalid` with all faults, by the path of the field; a name that the message does not
        have is one.
        """
        faults: Faults = {}
        self._fill(message, value, "", faults)
        if faults:
            raise Invalid(faults)

    def _fill(self, message: Message, value: Any, path: str, faults: Faults) -> None:
        plans = self._plans.get(message.DESCRIPTOR)
        try:
            if plans is None:
                if self._fill_special(message, value):
                    return
                plans = self._planned_all(message.DESCRIPTOR)
            given = members_of(value)
        except (ValueError, TypeError, OverflowError) as error:
            faults[path] = str(error)
            return
        for key, item in given.items():
            here = f"{path}.{key}" if path else str(key)
            plan = plans.get(key)
            if plan is None:
                faults[here] = f"{message.DESCRIPTOR.full_name} has no such field"
            elif item is not None and not isinstance(item, Secret):
                self._put(message, plan, item, here, faults)

    def _fill_special(self, message: Message, value: Any) -> bool:
        """Fill a message of a type that protobuf itself declares; returns whether it is one."""
        writer = WRITERS.get(message.DESCRIPTOR.full_name)
        if writer is None:
            return False
        writer(message, value)
        return True

    def _put(
        self, message: Message, plan: FieldPlan, value: Any, path: str, faults: Faults
    ) -> None:
        try:
            if type(value) is plan.exact and not plan.is_list:
                setattr(message, plan.name, value)
            elif plan.is_map:
                self._put_map(getattr(message, plan.name), plan, value, path, faults)
            elif plan.is_list:
                self._put_list(getattr(message, plan.name), plan, value, path, faults)
            elif plan.is_message:
                inner = getattr(message, plan.name)
                inner.SetInParent()
                self._fill(inner, value, path, faults)
            else:
                setattr(message, plan.name, plan.scalar(value))
        except (ValueError, TypeError, OverflowError) as error:
            faults[path] = str(error)

    def _put_map(self, target: Any, plan: FieldPlan, value: Any, path: str, faults: Faults) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        for key, item in value.items():
            if isinstance(item, Secret):
                continue
            if plan.is_message:
                self._fill(target[key], item, f"{path}.{key}", faults)
            else:
                target[key] = plan.scalar(item)

    def _put_list(
        self, target: Any, plan: FieldPlan, value: Any, path: str, faults: Faults
    ) -> None:
        if type(value) is not list and _is_no_list(value):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        # PERF: for a list of a hundred texts, this saves two hundred calls
        if type(value) is list and set(map(type, value)) == {plan.exact}:
            target.extend(value)
            return
        shown = [item for item in value if not isinstance(item, Secret)]
        if plan.is_message:
            for index, item in enumerate(shown):
                self._fill(target.add(), item, f"{path}[{index}]", faults)
        else:
            target.extend([plan.scalar(item) for item in shown])


def _is_no_list(value: Any) -> bool:
    return isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)


def _same(value: Any) -> Any:
    return value
