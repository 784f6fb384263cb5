"""What a format must hold: inherit `FormatContract`, name the class, and say what it can carry and
what it must refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import pytest
from hansa import Invalid, Model, setting
from hypothesis import HealthCheck, given, settings, strategies as st

from .contract import Documented


class Sample(Model):
    """What the objects of the suite look like, unless a test class has its own `model`."""

    name: Annotated[str, setting("A text")]
    count: Annotated[int, setting("A whole number")] = 0
    share: Annotated[float, setting("A number")] = 0.0
    open: Annotated[bool, setting("Yes or no")] = False
    tags: Annotated[list[str], setting("Several texts")] = []


_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)


class FormatContract(Documented):
    """The whole suite for a format.

    An author gives `cls` and `hostile`; where the format cannot carry everything that JSON can,
    `text`, or the strategies `values` and `objects` (with its `model`); None leaves out what the
    format does not do.
    """

    text: ClassVar[st.SearchStrategy[str]] = _TEXT
    """Texts that the format can carry."""
    values: ClassVar[st.SearchStrategy[Any] | None] = st.dictionaries(
        _TEXT,
        st.recursive(
            _SCALAR,
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
        ),
    )
    """Plain data that comes back as it was."""
    model: ClassVar[type[Model] | None] = Sample
    """A model whose objects come back as they were."""
    hostile: ClassVar[Sequence[bytes]] = ()
    """Input that must be refused: malformed, nested too deeply, in a wrong encoding, dangerous."""
    examples: ClassVar[int] = 100
    """Number of examples that each property is tested with."""

    def make(self) -> Any:
        """A format as a route has it; override where it needs a channel's definition or a service."""
        return self.cls(None, None)

    def objects(self) -> st.SearchStrategy[Any]:
        """Objects of the model; override together with `model`."""
        assert self.model is not None
        if self.model is not Sample:
            pytest.fail("a test class with a model of its own must define objects(self)")
        numbers = st.floats(allow_nan=False, allow_infinity=False)
        return st.builds(
            Sample,
            name=self.text,
            count=st.integers(-(2**53), 2**53),
            share=numbers,
            open=st.booleans(),
            tags=st.lists(self.text, max_size=3),
        )

    def same(self, sent: Any, arrived: Any) -> bool:
        """Whether a value came back as it was."""
        return bool(sent == arrived)

    def test_content_types(self) -> None:
        """It names the content types that it reads; the one it writes is among them, parameters
        apart.
        """
        types = self.cls.content_types
        assert types, "content_types must name at least one"
        assert isinstance(types, tuple), "content_types must be a tuple of at least one"
        assert all("/" in one for one in types), f"not content types: {types}"
        written = self.make().content_type.partition(";")[0].strip()
        assert written in [one.partition(";")[0].strip() for one in types], (
            f"it writes {written}, and does not read it"
        )

    def test_plain_data_survives_a_round_trip(self) -> None:
        """What was rendered parses to the same plain data."""
        if self.values is None:
            pytest.skip("values is None: the format carries no plain data")
        format = self.make()

        def check(value: Any) -> None:
            arrived = format.parse(format.render(value))
            assert self.same(value, arrived), f"{value!r} became {arrived!r}"

        self._try(check, self.values)

    def test_objects_survive_a_round_trip(self) -> None:
        """What was rendered from a model parses to an equal object."""
        if self.model is None:
            pytest.skip("model is None: the format carries no typed objects")
        format, model = self.make(), self.model

        def check(value: Any) -> None:
            arrived = format.parse(format.render(value, model), model)
            assert self.same(value, arrived), f"{value!r} became {arrived!r}"

        self._try(check, self.objects())

    def test_missing_fields_are_refused(self) -> None:
        """Input that lacks a required field is refused with `Invalid`."""
        if self.model is None:
            pytest.skip("model is None: the format carries no typed objects")
        format, model = self.make(), self.model
        body = {
            "__annotations__": {"surely_missing": Annotated[int, setting("What no message has")]}
        }
        stricter = type("Stricter", (model,), body)

        def check(value: Any) -> None:
            with pytest.raises(Invalid):
                format.parse(format.render(value, model), stricter)

        self._try(check, self.objects(), 10)

    def test_hostile_input_is_refused(self) -> None:
        """What must be refused is refused with `Invalid`, whether a model is asked for or not."""
        assert self.hostile, (
            f"{type(self).__name__} must name hostile input: hostile = [b'...', ...]"
        )
        format = self.make()
        for raw in self.hostile:
            for model in {None, self.model}:
                try:
                    value = format.parse(raw, model)
                except Invalid:
                    continue
                pytest.fail(f"{raw[:60]!r} was read as {str(value)[:60]}")

    def test_any_bytes_are_read_or_refused(self) -> None:
        """Whatever bytes arrive, parsing gives a value or `Invalid`, never another error."""
        format = self.make()

        def check(raw: bytes) -> None:
            for model in {None, self.model}:
                try:
                    format.parse(raw, model)
                except Invalid:
                    pass

        damaged = st.builds(
            _damage, self._rendered(format), st.integers(0, 200), st.binary(max_size=4)
        )
        self._try(check, st.binary(max_size=200) | damaged)

    def test_errors_tell_nothing_internal(self) -> None:
        """The text of an unexpected error stays on the server; its correlation id goes out."""
        body, content_type = self.make().render_error(RuntimeError("internal detail"), "K0123")
        assert isinstance(body, bytes), "the body must be bytes"
        assert "/" in content_type, f"not a content type: {content_type!r}"
        assert b"internal detail" not in body, (
            "the text of an unexpected error is told to the caller"
        )
        assert b"K0123" in body, "the correlation id is missing"

    def _rendered(self, format: Any) -> st.SearchStrategy[bytes]:
        if self.model is not None:
            return self.objects().map(lambda value: format.render(value, self.model))
        return self.values.map(format.render) if self.values is not None else st.just(b"")

    def _try(self, check: Any, strategy: st.SearchStrategy[Any], examples: int = 0) -> None:
        chosen = settings(
            max_examples=examples or self.examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        chosen(given(strategy)(check))()


def _damage(raw: bytes, at: int, other: bytes) -> bytes:
    """A valid document with some bytes in it replaced."""
    return raw[:at] + other + raw[at + 1 :]
