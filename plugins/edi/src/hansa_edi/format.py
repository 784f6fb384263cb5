"""The formats `edifact` and `x12`: interchanges <-> models, or plain data."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias, get_args, get_origin

from hansa import Format, Invalid, Model, Service, load

from .edifact import read_edifact, write_edifact
from .envelope import Plain
from .interchange import EdifactInterchange, X12Interchange
from .models import build
from .settings import DEFAULT, EdiSettings
from .x12 import read_x12, write_x12

Hint: TypeAlias = Any
"""A type: of an Input."""


def _origin(hint: Hint) -> object:
    return get_origin(hint)


class _EdiFormat(Format):
    """What both formats have in common; `own` are the Inputs of this plugin."""

    own: ClassVar[tuple[Hint, ...]] = ()

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        found = getattr(config, "edi", None)
        self.settings = found if isinstance(found, EdiSettings) else DEFAULT

    def parse(self, raw: bytes, model: Hint = None) -> object:
        """Return the interchanges of a message, as a list or, where the Input is one, as one; raises
        `Invalid` with every fault, and `TooLarge`.
        """
        found = self.read(raw)
        if model is None:
            return found
        bare = get_args(model)[0] if _origin(model) is Annotated else model
        is_list = _origin(bare) in (list, tuple)
        if not is_list and len(found) != 1:
            raise Invalid(f"one interchange is expected, and there are {len(found)}")
        data = found if is_list else found[0]
        if bare in self.own:
            return build(bare, data, unknown=False)
        return load(model, data, unknown=False)

    def render(self, value: object, model: Hint = None) -> bytes:
        """Return a list of interchanges, or one, with their trailers; raises `Invalid`."""
        if isinstance(value, list | tuple):
            return self.write_all(list(value))
        if isinstance(value, Mapping | Model):
            return self.write_all([value])
        raise Invalid(f"interchanges are expected, and not a {type(value).__name__}")

    def read(self, raw: bytes) -> list[Plain]:
        """Return the interchanges of a message as plain data."""
        raise NotImplementedError

    def write_all(self, value: list[object]) -> bytes:
        """Return interchanges as bytes."""
        raise NotImplementedError


class EdifactFormat(_EdiFormat):
    """UN/EDIFACT (ISO 9735, versions 1 to 4 of the syntax): interchanges (UNB), groups (UNG) and
    messages (UNH).

    A message is a list of interchanges, `EdifactInterchange`s where the Input says so. Counts and
    references of all trailers are verified, and written.
    """

    type = "edifact"
    content_types = ("application/edifact",)
    own = (EdifactInterchange, list[EdifactInterchange])

    def read(self, raw: bytes) -> list[Plain]:
        """Return the interchanges of a message as plain data."""
        return read_edifact(raw, self.settings)

    def write_all(self, value: list[object]) -> bytes:
        """Return interchanges as bytes."""
        return write_edifact(value, self.settings)


class X12Format(_EdiFormat):
    """ASC X12: interchanges (ISA), functional groups (GS) and transaction sets (ST).

    A message is a list of interchanges, `X12Interchange`s where the Input says so. Counts and
    control numbers of all trailers are verified, and written.
    """

    type = "x12"
    content_types = ("application/edi-x12",)
    own = (X12Interchange, list[X12Interchange])

    def read(self, raw: bytes) -> list[Plain]:
        """Return the interchanges of a message as plain data."""
        return read_x12(raw, self.settings)

    def write_all(self, value: list[object]) -> bytes:
        """Return interchanges as bytes."""
        return write_x12(value, self.settings)
