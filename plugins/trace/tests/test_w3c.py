"""The headers of W3C Trace Context: what is taken, what is ignored, and what is passed on."""

from __future__ import annotations

import pytest
from hansa_trace.w3c import LONGEST_STATE, context_of, valid_state
from hypothesis import given, strategies as st

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def passed_on(parent: str, state: str = "") -> dict[str, str] | None:
    context = context_of(parent, state)
    return None if context is None else context.headers()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (PARENT, PARENT),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        # flags that version 00 does not define are 0
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-01"),
        # a later version is read as far as version 00 goes
        (f"cc-{TRACE}-{SPAN}-01", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", PARENT),
    ],
)
def test_what_is_taken(given: str, expected: str):
    assert passed_on(given) == {"traceparent": expected}


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.upper(),
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"{PARENT},{PARENT}",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
        f"{PARENT}\n",
    ],
)
def test_what_is_ignored(given: str):
    assert context_of(given, "a=b") is None


@given(st.text(alphabet="0123456789abcdefABCDEF-gz ٣\n", max_size=70), st.text(max_size=20))
def test_anything_else_is_ignored_without_an_error(parent: str, state: str):
    context = context_of(parent, state)
    if context is not None:
        assert len(parent) >= 55
        assert context.headers()["traceparent"][3:52] == parent[3:52]


@given(
    st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255), st.integers(0, 254)
)
def test_every_well_formed_parent_is_taken(trace: int, span: int, flags: int, version: int):
    text = f"{version:02x}-{trace:032x}-{span:016x}-{flags:02x}"
    expected = f"00-{trace:032x}-{span:016x}-{flags & 1:02x}"
    assert passed_on(text) == {"traceparent": expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\tb=2 , ,", "a=1,b=2"),
        ("fw529a3039@dt=FfAAx,1a-_*/b@v=x y", "fw529a3039@dt=FfAAx,1a-_*/b@v=x y"),
        ("A=1", ""),
        ("a=1,a=2", ""),
        ("1a=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=1=2", ""),
        ("a=é", ""),
        ("a =1", ""),
        (f"{'z' * 257}=1", ""),
        (f"{'z' * 256}=1", f"{'z' * 256}=1"),
        (f"t@{'z' * 15}=1", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
    ],
)
def test_states(given: str, expected: str):
    assert valid_state(given) == expected


def test_a_malformed_state_does_not_spoil_the_parent():
    assert passed_on(PARENT, "a=1,a=2") == {"traceparent": PARENT}
    assert passed_on(PARENT, "a=1,b=2") == {"traceparent": PARENT, "tracestate": "a=1,b=2"}


KEYS = st.from_regex(r"[a-z][a-z0-9_*/-]{0,20}", fullmatch=True)
VALUES = st.from_regex(r"[!-+.-<>-~]{1,200}", fullmatch=True)


@given(st.dictionaries(KEYS, VALUES, max_size=32))
def test_states_are_passed_on_whole_unless_they_are_too_long(members: dict[str, str]):
    text = ",".join(f"{key}={value}" for key, value in members.items())
    kept = valid_state(text)
    assert len(kept) <= LONGEST_STATE
    if len(text) <= LONGEST_STATE:
        assert kept == text
    assert set(kept.split(",")) - {""} <= set(text.split(","))


@given(st.text(max_size=100))
def test_any_state_is_valid_or_left_out(text: str):
    kept = valid_state(text)
    assert kept == "" or valid_state(kept) == kept
