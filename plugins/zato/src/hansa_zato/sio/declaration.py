"""Reads the input and output that a service class declares, 2.0 or 3.x style, into one Declaration."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from ..section import Profile
from .models import is_model
from .naming import by_name
from .types import ForceType
from .values import NOT_GIVEN

_SIDES = ("input", "output")


@dataclasses.dataclass(frozen=True, slots=True)
class Element:
    """One declared name: its type, whether it must be there, and its value where it is not (`NOT_GIVEN`: by the rules)."""

    name: str
    type: ForceType
    required: bool
    default: Any = NOT_GIVEN


@dataclasses.dataclass(frozen=True, slots=True)
class ModelSide:
    """Input or output declared as a dataclass; `many` for a list of them."""

    model: Any
    many: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """All that a service declares of its input and output; `response_elem` is None where nothing wraps the response."""

    profile: Profile
    inputs: tuple[Element, ...] = ()
    outputs: tuple[Element, ...] = ()
    input_model: ModelSide | None = None
    output_model: ModelSide | None = None
    request_elem: str = "request"
    response_elem: str | None = "response"
    namespace: str = ""
    default_value: Any = NOT_GIVEN
    use_text: bool = True
    channel_params_only: bool = False
    output_repeated: bool = False
    skip_empty_request: bool = False
    skip_empty_response: bool = False
    force_empty: frozenset[str] | Literal[True] = frozenset()


def declaration(cls: type, profile: str = "auto") -> Declaration | None:
    """What `cls` declares, None if nothing; raises TypeError for a declaration that makes no sense."""
    inner = getattr(cls, "SimpleIO", None)
    shorthand = {
        side: _shorthand(getattr(cls, side, None)) if inner is None else None for side in _SIDES
    }
    if inner is None and not any(shorthand.values()):
        return None
    newer = {side: shorthand[side] or getattr(inner, side, None) for side in _SIDES}
    chosen: Profile = ("3.x" if any(newer.values()) else "2.0") if profile == "auto" else profile  # type: ignore[assignment]

    def option(name: str, default: Any) -> Any:
        return getattr(inner, name, default)

    elements: dict[str, tuple[Element, ...]] = {}
    models: dict[str, ModelSide | None] = {}
    for side in _SIDES:
        models[side] = _model_side(newer[side])
        required, optional = option(f"{side}_required", ()), option(f"{side}_optional", ())
        for name, given in ((f"{side}_required", required), (f"{side}_optional", optional)):
            models[side] = models[side] or _model_side(
                given if not isinstance(given, tuple | list) or len(given) != 1 else given[0]
            )
            if models[side] is None and not isinstance(given, str | ForceType | Iterable):
                raise TypeError(f"{cls.__name__}.SimpleIO.{name}: expected names, got {given!r}")
        if models[side] is None:
            listed = [
                *_elements(required, True, chosen),
                *_elements(optional, False, chosen),
                *_elements(newer[side] or (), True, chosen),
            ]
            unique = {element.name: element for element in reversed(listed)}
            elements[side] = tuple(element for element in listed if unique[element.name] is element)
    wrapped = (
        None
        if inner is None or getattr(cls, "_zato_needs_response_wrapper", None) is False
        else "response"
    )
    skip = option("skip_empty_keys", False)
    force = option("force_empty_keys", ())
    return Declaration(
        profile=chosen,
        inputs=elements.get("input", ()),
        outputs=_sorted(elements.get("output", ()), chosen),
        input_model=models["input"],
        output_model=models["output"],
        request_elem=option("request_elem", "") or "request",
        response_elem=option("response_elem", wrapped) or None,
        namespace=option("namespace", "") or "",
        default_value=option("default_value", NOT_GIVEN),
        use_text=bool(option("use_text", True)),
        channel_params_only=bool(option("use_channel_params_only", False)),
        output_repeated=bool(option("output_repeated", False)),
        skip_empty_request=bool(option("skip_empty_request_keys", skip)),
        skip_empty_response=bool(option("skip_empty_response_keys", skip)),
        force_empty=True
        if force is True
        else frozenset([force] if isinstance(force, str) else force or ()),
    )


def _shorthand(given: Any) -> Any:
    """A class attribute `input` or `output`, if it can be a declaration at all."""
    return (
        given
        if isinstance(given, str | tuple | list | set | frozenset | ForceType) or _model_side(given)
        else None
    )


def _sorted(outputs: tuple[Element, ...], profile: Profile) -> tuple[Element, ...]:
    return tuple(sorted(outputs, key=lambda element: element.name)) if profile == "3.x" else outputs


def _model_side(given: Any) -> ModelSide | None:
    if is_model(given):
        return ModelSide(given)
    if get_origin(given) in (list, tuple) and get_args(given) and is_model(get_args(given)[0]):
        return ModelSide(get_args(given)[0], many=True)
    return None


def _elements(given: Any, required: bool, profile: Profile) -> Iterable[Element]:
    """The elements of a tuple, list, set or single name; sets have no order, so theirs is that of the alphabet."""
    if isinstance(given, str | ForceType):
        given = [name.strip() for name in given.split(",")] if isinstance(given, str) else [given]
    elif isinstance(given, set | frozenset):
        given = sorted(
            given, key=lambda item: item.name if isinstance(item, ForceType) else str(item)
        )
    for item in given:
        if isinstance(item, ForceType):
            yield Element(item.name, item, required and not item.optional, item.default)
        elif isinstance(item, str) and item.strip("-"):
            name = item.removeprefix("-")
            yield Element(name, by_name(name, profile), required and name == item)
        else:
            raise TypeError(
                f"a SimpleIO element is a name or a type such as Int('name'), got {item!r}"
            )
