"""Messages that are swept as a whole are what they would be if each of their values were looked at."""

from __future__ import annotations

import json

from hansa_redaction.found import FoundValues
from hansa_redaction.payloads import JsonPayload, _swept
from hansa_redaction.rules import Rules
from hypothesis import given, strategies as st

PARTS = st.sampled_from(
    [
        "password",
        "=",
        ":",
        " ",
        '"',
        "'",
        "\\",
        "\n",
        "token",
        "x" * 5,
        "://ada:",
        "@",
        "ſecret",
        "é",
    ]
)
TEXTS = st.lists(PARTS, max_size=5).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_message_is_swept_as_its_values_are(data: object) -> None:
    found = FoundValues()
    payload = JsonPayload(data, Rules(), found)
    wanted = _swept(payload.data, found.in_text(payload.text()))
    payload.sweep(found.in_text(payload.text()))
    assert payload.data == wanted
    assert payload.text() == json.dumps(wanted, ensure_ascii=False)
