"""Formats with one defect each, and the contract applied to them; run by test_conformance.py."""

from __future__ import annotations

import json
from typing import Any

from hansa import Format, Invalid, load
from hansa_devkit import FormatContract
from hypothesis import strategies as st


class Json(Format):
    """JSON, by the standard library: slow and sound."""

    type, content_types = "json", ("application/json",)

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Read it."""
        return self.typed(self.plain(raw), model)

    def plain(self, raw: bytes) -> Any:
        """Read plain data."""
        try:
            return json.loads(raw.decode())
        except (ValueError, RecursionError) as error:
            raise Invalid(str(error)) from None

    def typed(self, data: Any, model: Any) -> Any:
        """Make an object of plain data."""
        return data if model is None else load(model, data)

    def render(self, value: Any, model: Any = None) -> bytes:
        """Write it."""
        return json.dumps(value if model is None else vars(value)).encode()


class JsonContract(FormatContract):
    hostile = [b"", b"{", b'{"name": 1} trailing', b'{"name": \xff}', b"[" * 100_000]
    examples = 20
    values = st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5), st.integers() | st.booleans() | st.none()
    )


class TestSoundFormat(JsonContract):
    cls, fails = Json, set()


class TestNoTypes(JsonContract):
    class cls(Json):
        """Does not read what it writes."""

        @property
        def content_type(self) -> str:
            """What it writes."""
            return "text/plain"

    fails = {"test_content_types"}


class TestAllText(JsonContract):
    class cls(Json):
        """Turns numbers into text."""

        def parse(self, raw: bytes, model: Any = None) -> Any:
            data = self.plain(raw)
            if model is None and isinstance(data, dict):
                return {
                    key: str(value) if type(value) is int else value for key, value in data.items()
                }
            return self.typed(data, model)

    fails = {"test_plain_data_survives_a_round_trip"}


class TestForgets(JsonContract):
    class cls(Json):
        """Leaves a field out."""

        def render(self, value: Any, model: Any = None) -> bytes:
            if model is not None:
                value = {name: one for name, one in vars(value).items() if name != "count"}
            return super().render(value)

    fails = {"test_objects_survive_a_round_trip"}


class TestGuesses(JsonContract):
    class cls(Json):
        """Makes up what is missing."""

        def typed(self, data: Any, model: Any) -> Any:
            if model is not None and model.__name__ == "Stricter":
                data = {"surely_missing": 0, **data}
            return super().typed(data, model)

    fails = {"test_missing_fields_are_refused"}


class TestLenient(JsonContract):
    class cls(Json):
        """Ignores what follows the document."""

        def plain(self, raw: bytes) -> Any:
            return super().plain(raw.removesuffix(b" trailing"))

        def typed(self, data: Any, model: Any) -> Any:
            return super().typed({"name": "a"} if data == {"name": 1} else data, model)

    fails = {"test_hostile_input_is_refused"}


class TestCrashes(JsonContract):
    class cls(Json):
        """Breaks down over bytes that are no text."""

        def plain(self, raw: bytes) -> Any:
            raw.decode()
            return super().plain(raw)

    hostile = [b"", b"{"]
    fails = {"test_any_bytes_are_read_or_refused"}


class TestTellsAll(JsonContract):
    class cls(Json):
        """Tells callers what went wrong inside."""

        def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
            return f"{error} {cid}".encode(), "text/plain"

    fails = {"test_errors_tell_nothing_internal"}


class TestNoHostile(FormatContract):
    examples = 20
    cls, fails = Json, {"test_hostile_input_is_refused"}
