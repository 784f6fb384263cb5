"""What the records of a message become: a list, the only list of a model, or a model by itself."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from hansa import Invalid, Model, fields, load

Hint: TypeAlias = Any
"""A type: of an Input or Output, or of a field."""
Record: TypeAlias = dict[str, str]
"""The cells of one line by column."""


def build(records: list[Record], model: Hint) -> object:
    """Return records as a type: `list[Row]`, a model whose only field is a list, or one record as
    any other model.

    An empty cell is missing, unless its field takes text. Raises `Invalid` with all faults.
    """
    if model is None:
        return records
    if _is_list(model):
        return load(model, _without_empty(records, model), strict=False, unknown=False)
    field = list_field(model)
    if field is not None:
        name, hint = field
        data: object = {name: _without_empty(records, hint)}
        return load(model, data, strict=False, unknown=False)
    if len(records) != 1:
        raise Invalid(f"one record is expected, and there are {len(records)}")
    [record] = _without_empty(records, list[model])
    return load(model, record, strict=False, unknown=False)


def list_field(model: Hint) -> tuple[str, Hint] | None:
    """Return name and type of the only field of a model, if that is a list of models."""
    if not (isinstance(model, type) and issubclass(model, Model)):
        return None
    declared = list(fields(model))
    if len(declared) != 1:
        return None
    hint = _bare(declared[0].type)
    return (declared[0].name, hint) if _is_list(hint) and _row_of(hint) is not None else None


def row_model(model: Hint) -> type[Model] | None:
    """Return the model of one record in a message of a type; None if there is none."""
    if _is_list(model):
        return _row_of(model)
    field = list_field(model)
    if field is not None:
        return _row_of(field[1])
    return model if isinstance(model, type) and issubclass(model, Model) else None


def _is_list(hint: Hint) -> bool:
    return _origin(_bare(hint)) in (list, tuple)


def _row_of(hint: Hint) -> type[Model] | None:
    arguments = get_args(_bare(hint))
    row = _bare(arguments[0]) if arguments else None
    return row if isinstance(row, type) and issubclass(row, Model) else None


def _origin(hint: Hint) -> object:
    return get_origin(hint)


def _bare(hint: Hint) -> Hint:
    return get_args(hint)[0] if _origin(hint) is Annotated else hint


def _without_empty(records: list[Record], hint: Hint) -> list[Record]:
    """Return records without the empty cells that stand for a missing value."""
    row = _row_of(hint)
    if row is None:
        return records
    texts = {field.name for field in fields(row) if _takes_text(field.type)}
    return [
        {name: cell for name, cell in record.items() if cell or name in texts} for record in records
    ]


def _takes_text(hint: Hint) -> bool:
    hint = _bare(hint)
    if _origin(hint) in (Union, UnionType):
        members = get_args(hint)
        # an empty cell of `str | None` is None
        return NoneType not in members and any(_takes_text(member) for member in members)
    return hint is str or hint is Any
