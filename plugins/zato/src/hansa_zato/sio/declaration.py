"""Reads what a service class declares, in the style of 2.0 or 3.x, into one Declaration."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args, get_origin

from ..payloads import Value
from ..section import Profile
from .models import is_model
from .naming import by_name
from .types import ForceType
from .values import NOT_GIVEN

Side: TypeAlias = Literal["input", "output"]
_DECLARABLE = (str, tuple, list, set, frozenset, ForceType)


@dataclasses.dataclass(frozen=True, slots=True)
class Element:
    """One declared name: its type, whether it is required, and its value where it is missing.

    A default of `NOT_GIVEN` leaves that value to the rules of SimpleIO.
    """

    name: str
    type: ForceType
    required: bool
    default: object = NOT_GIVEN


@dataclasses.dataclass(frozen=True, slots=True)
class ModelSide:
    """Input or output declared as a dataclass; `many` for a list of them."""

    model: type
    many: bool = False

    @property
    def hint(self) -> object:
        """The type of the whole side: the model, or a list of it."""
        return types.GenericAlias(list, self.model) if self.many else self.model


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """All that a service declares about its input and output.

    `response_elem` is None where nothing wraps the response. `force_empty` names the keys that stay
    although they are empty where empty ones are left out; True stands for all.
    """

    profile: Profile
    inputs: tuple[Element, ...] = ()
    outputs: tuple[Element, ...] = ()
    input_model: ModelSide | None = None
    output_model: ModelSide | None = None
    request_elem: str = "request"
    response_elem: str | None = "response"
    namespace: str = ""
    default_value: object = NOT_GIVEN
    use_text: bool = True
    channel_params_only: bool = False
    output_repeated: bool = False
    skip_empty_request: bool = False
    skip_empty_response: bool = False
    force_empty: frozenset[str] | Literal[True] = frozenset()


def declaration(cls: type, profile: str = "auto") -> Declaration | None:
    """Return what `cls` declares, None if nothing.

    Raises TypeError for a declaration that makes no sense.
    """
    inner = getattr(cls, "SimpleIO", None)
    newer_input = _newer_style(cls, inner, "input")
    newer_output = _newer_style(cls, inner, "output")
    is_newer = bool(newer_input or newer_output)
    if inner is None and not is_newer:
        return None
    chosen = _profile(profile, is_newer)
    inputs, input_model = _side(cls, "input", newer_input, chosen)
    outputs, output_model = _side(cls, "output", newer_output, chosen)
    if chosen == "3.x":
        outputs = tuple(sorted(outputs, key=lambda element: element.name))

    def option(name: str, default: object) -> Value:
        return getattr(inner, name, default)

    skip = option("skip_empty_keys", False)
    return Declaration(
        profile=chosen,
        inputs=inputs,
        outputs=outputs,
        input_model=input_model,
        output_model=output_model,
        request_elem=option("request_elem", "") or "request",
        response_elem=option("response_elem", _default_wrapper(cls, inner)) or None,
        namespace=option("namespace", "") or "",
        default_value=option("default_value", NOT_GIVEN),
        use_text=bool(option("use_text", True)),
        channel_params_only=bool(option("use_channel_params_only", False)),
        output_repeated=bool(option("output_repeated", False)),
        skip_empty_request=bool(option("skip_empty_request_keys", skip)),
        skip_empty_response=bool(option("skip_empty_response_keys", skip)),
        force_empty=_forced(option("force_empty_keys", ())),
    )


def _newer_style(cls: type, inner: type | None, side: Side) -> object:
    """Return the attribute `input` or `output`, the style of 3.x.

    It stands in SimpleIO or, without one, on the class.
    """
    if inner is not None:
        return getattr(inner, side, None)
    given = getattr(cls, side, None)
    if isinstance(given, _DECLARABLE) or _model_side(given):
        return given
    return None  # an attribute that only happens to have this name


def _profile(asked: str, is_newer: bool) -> Profile:
    if asked == "2.0":
        return "2.0"
    if asked == "3.x":
        return "3.x"
    return "3.x" if is_newer else "2.0"


def _default_wrapper(cls: type, inner: type | None) -> str | None:
    """Return the element around a response whose declaration names none."""
    if inner is None or getattr(cls, "_zato_needs_response_wrapper", None) is False:
        return None
    return "response"


def _forced(given: bool | str | Iterable[str] | None) -> frozenset[str] | Literal[True]:
    if given is True:
        return True
    if isinstance(given, str):
        return frozenset([given])
    return frozenset(given or ())


def _side(
    cls: type, side: Side, newer: object, profile: Profile
) -> tuple[tuple[Element, ...], ModelSide | None]:
    """Return the elements of one side, or the model it is declared as."""
    inner = getattr(cls, "SimpleIO", None)
    model = _model_side(newer)
    older: dict[str, Value] = {}
    for name in (f"{side}_required", f"{side}_optional"):
        older[name] = given = getattr(inner, name, ())
        model = model or _model_side(_only_item(given))
        if model is None and not isinstance(given, str | ForceType | Iterable):
            raise TypeError(f"{cls.__name__}.SimpleIO.{name}: expected names, got {given!r}")
    if model is not None:
        return (), model
    listed = [
        *_elements(older[f"{side}_required"], True, profile),
        *_elements(older[f"{side}_optional"], False, profile),
        *_elements(newer or (), True, profile),
    ]
    unique: dict[str, Element] = {}
    for element in listed:
        unique.setdefault(element.name, element)
    return tuple(unique.values()), None


def _only_item(given: object) -> object:
    """Return the item of a tuple or list of one; anything else as it is."""
    if isinstance(given, tuple | list) and len(given) == 1:
        return given[0]
    return given


def _model_side(given: object) -> ModelSide | None:
    if is_model(given):
        return ModelSide(given)
    arguments = get_args(given)
    if get_origin(given) in (list, tuple) and arguments and is_model(arguments[0]):
        return ModelSide(arguments[0], many=True)
    return None


def _elements(given: Value, required: bool, profile: Profile) -> Iterable[Element]:
    """Return the elements of a tuple, list, set or single name.

    A set has no order, so its elements are sorted.
    """
    for item in _listed(given):
        if isinstance(item, ForceType):
            yield Element(item.name, item, required and not item.optional, item.default)
        elif isinstance(item, str) and item.strip("-"):
            name = item.removeprefix("-")
            yield Element(name, by_name(name, profile), required and name == item)
        else:
            raise TypeError(
                f"a SimpleIO element is a name or a type such as Int('name'), got {item!r}"
            )


def _listed(given: Value) -> Iterable[object]:
    if isinstance(given, ForceType):
        return [given]
    if isinstance(given, str):
        return [name.strip() for name in given.split(",")]
    if isinstance(given, set | frozenset):
        return sorted(given, key=_element_name)
    elements: Iterable[object] = given
    return elements


def _element_name(item: object) -> str:
    return item.name if isinstance(item, ForceType) else str(item)
