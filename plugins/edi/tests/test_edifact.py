"""EDIFACT: samples, separators, charsets, and what is refused by its place."""

from __future__ import annotations

import time
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, Model, TooLarge, load
from hansa_edi import EdifactInterchange, EdifactMessage
from hansa_edi.format import EdifactFormat
from hansa_edi.settings import EdiSettings
from hypothesis import given, strategies as some

from .samples import GROUPS, ORDERS, VERSION_4

EDIFACT: Any = EdifactFormat()


def edifact(**settings) -> Any:
    return EdifactFormat(SimpleNamespace(edi=load(EdiSettings, settings)))


def faults_of(raw):
    with pytest.raises(Invalid) as caught:
        EDIFACT.parse(raw.encode("latin-1"))
    return caught.value.errors


def test_an_interchange_is_read_and_written():
    raw = ORDERS.encode("latin-1")
    [found] = EDIFACT.parse(raw)
    assert found["header"][1:4] == [["UNOC", "3"], ["4012345000009", "14"], ["4098765000000", "14"]]
    first, second = found["messages"]
    assert first["header"] == ["UNH", "1", ["ORDERS", "D", "96A", "UN", "EAN008"]]
    assert first["segments"][2] == ["FTX", "AAI", "", "", "Größe 5 + 1: it's ok?"]
    assert first["segments"][3][2:5] == [["4012345000009", "", "9"], "", "Müller & Söhne"]
    assert second["segments"] == [["BGM", "220", "PO-4712", "9"]]
    # a release character before what is no sign is read, and not written
    assert edifact(line_end="\r\n").render([found]) == raw.replace(b"?&", b"&")
    [typed] = EDIFACT.parse(raw, list[EdifactInterchange])
    assert EDIFACT.parse(raw, EdifactInterchange) == typed
    assert (typed.sender, typed.recipient) == ("4012345000009", "4098765000000")
    assert typed.reference == "REF1" and typed.messages[1].type == "ORDERS"
    assert [message.reference for message in typed.messages] == ["1", "2"]
    assert EDIFACT.render(typed) == EDIFACT.render([typed]) == EDIFACT.render(found)


def test_groups_and_several_interchanges():
    raw = GROUPS.encode()
    [found] = EDIFACT.parse(raw)
    assert [len(group["messages"]) for group in found["groups"]] == [2, 1]
    assert not found["messages"] and "separators" not in found
    assert EDIFACT.render([found]) == raw
    both = (VERSION_4 + "\r\n" + VERSION_4 + GROUPS).encode()
    with pytest.raises(Invalid, match="the syntax 'UNOA' has another charset"):
        EDIFACT.parse(both)
    found = edifact(encoding="utf-8").parse(both)
    assert [len(one["messages"]) for one in found] == [1, 1, 0]
    assert edifact(encoding="utf-8").render(found) == both.replace(b"\r\n", b"")
    with pytest.raises(Invalid, match="one interchange is expected, and there are 3"):
        edifact(encoding="utf-8").parse(both, EdifactInterchange)


def test_repetition_and_other_separators():
    [found] = EDIFACT.parse(VERSION_4.encode())
    assert found["messages"][0]["segments"] == [
        ["BGM", [["1"], ["2", "A"]], "☃ * ~"],
        ["EQD", "", ["", ""]],
    ]
    assert found["separators"]["terminator"] == "~"
    assert EDIFACT.render([found]) == VERSION_4.encode()
    older = VERSION_4.replace("UNOY:4", "UNOY:3")
    [found] = EDIFACT.parse(older.encode())
    assert found["messages"][0]["segments"][0] == ["BGM", ["1*2", "A"], "☃ * ~"]


def test_all_faults_are_told_by_segment():
    raw = ORDERS.replace("UNT+10+1'", "UNT+11+2'").replace("UNT+3+2", "UNT+4+2")
    assert faults_of(raw.replace("UNZ+2+REF1", "UNZ+3+REF2").replace("QTY+", "qty+")) == {
        "segment 8": "has no tag of two or three capital letters and digits",
        "segment 11 (UNT)": "counts 11, and there are 9; has the reference '2', and its UNH has '1'",
        "segment 14 (UNT)": "counts 4, and there are 3",
        "segment 15 (UNZ)": "counts 3, and there are 2; "
        "has the reference 'REF2', and its UNB has 'REF1'",
    }
    found = faults_of(ORDERS.replace("UNT+10+1'\r\n", "").replace("UNZ+2", "UNZ+1"))
    assert found == {
        "segment 2 (UNH)": "has no UNT before segment 11 (UNH)",
        "segment 14 (UNZ)": "counts 1, and there are 2",
    }
    assert faults_of(ORDERS[:-4]) == {"segment 15": 'does not end with "\'"'}
    many = "UNB+UNOA:3+A+B+C+1'" + "x'" * 100 + "UNZ+0+1'"
    assert len(faults_of(many)) == 20


def test_mixed_messages_and_nesting():
    loose = "UNH+9+INVOIC:D'UNT+2+9'"
    [fault] = faults_of(GROUPS.replace("UNZ", loose + "UNZ")).values()
    assert fault == "messages stand in groups and beside them"
    assert faults_of("UNH+1+X'UNT+2+1'") == {"segment 1 (UNH)": "stands outside of an interchange"}
    assert faults_of("UNB+UNOA:3+A+B+C+1'BGM'UNZ+0+1'") == {
        "segment 2 (BGM)": "stands outside of a message"
    }


def test_blanks_end_no_message():
    blanks = " " * 100
    assert len(EDIFACT.parse((GROUPS + GROUPS + blanks + "\x1a").encode())) == 2
    # what comes after them is told, and not left out
    assert faults_of(GROUPS + blanks + GROUPS)
    assert faults_of(GROUPS + blanks + "x")


def test_nothing_before_una_is_dropped():
    # pydifact looks for UNA in the text, and begins there
    raw = GROUPS.replace("BGM+380", "BGM+?'UNA?:?+.?? ?'", 1)
    [found] = EDIFACT.parse(raw.encode())
    assert found["groups"][0]["messages"][0]["segments"] == [["BGM", "'UNA:+.? '"]]
    assert EDIFACT.render([found]) == raw.encode()


@pytest.mark.parametrize(
    ("syntax", "codec"),
    [("UNOA", "ascii"), ("UNOC", "latin-1"), ("UNOE", "iso8859-5"), ("UNOY", "utf-8")],
)
def test_charsets(syntax, codec):
    text = {"ascii": "a", "latin-1": "ü", "iso8859-5": "Ж", "utf-8": "☃"}[codec]
    raw = f"UNB+{syntax}:3+{text}+B+C+1'UNZ+0+1'".encode(codec)
    [found] = EDIFACT.parse(raw)
    assert found["header"][2] == text
    assert EDIFACT.render([found]) == raw


def test_what_cannot_be_written_is_refused_by_its_path():
    message = {"header": ["UNH", "1", "ORDERS"], "segments": [["bgm"], ["UNT"], ["A1", 5], 7]}
    wrong = {"header": ["UNB", ["UNOC", "3"], "A", "B", "C", "1"], "messages": [message, message]}
    with pytest.raises(Invalid) as caught:
        EDIFACT.render([wrong])
    assert set(caught.value.errors) == {
        "[0].messages[0].segments[0]",
        "[0].messages[0].segments[1]",
        "[0].messages[0].segments[2][1]",
        "[0].messages[0].segments[3]",
        "[0].messages[1].header",
        "[0].messages[1].segments[0]",
        "[0].messages[1].segments[1]",
        "[0].messages[1].segments[2][1]",
        "[0].messages[1].segments[3]",
    }
    header = ["UNB", ["UNOC", "3"], "A", "B", "C", "1"]
    with pytest.raises(Invalid, match="which this version of the syntax does not have"):
        EDIFACT.render({"header": [*header, [["1"], ["2"]]]})
    with pytest.raises(Invalid, match="characters that iso8859-1 does not have"):
        EDIFACT.render({"header": [*header, "☃"]})
    with pytest.raises(Invalid, match="has a sign in it that separates"):
        EDIFACT.render({"header": [*header, "a+b"], "separators": {"release": " "}})
    values: list[Any] = [
        {"header": ["UNB"]},
        {"header": header, "other": 1},
        {},
        [],
        "text",
        None,
        5,
    ]
    for value in values:
        with pytest.raises(Invalid):
            EDIFACT.render(value)


def test_limits_are_named():
    raw = ORDERS.encode("latin-1")
    assert edifact(max_segments=15).parse(raw)
    with pytest.raises(TooLarge, match=r"edi\.max_segments"):
        edifact(max_segments=14).parse(raw)
    with pytest.raises(TooLarge, match=r"edi\.max_elements"):
        edifact(max_elements=20).parse(raw)


class Begin(Model):
    header: list[str | list[str]]


def test_an_input_of_ones_own():
    assert EDIFACT.parse(VERSION_4.encode(), Begin).header[5] == "9"
    message = EdifactMessage(header=["UNH", "1"])
    assert message.type == "" and message.reference == "1"


PIECES = ["UNB", "UNH", "UNT", "UNZ", "UNG", "UNE", "BGM", "+", ":", "'", "?", "??", "*", "1", "2"]


@given(some.lists(some.sampled_from(PIECES), max_size=30))
def test_any_mixture_of_pieces_is_read_or_refused(pieces):
    for start in ("", "UNB+UNOA:3+A+B+C+1'", "UNB+UNOA:4+A+B+C+1'UNH+1+A:1'"):
        raw = (start + "".join(pieces)).encode()
        try:
            found = EDIFACT.parse(raw)
        except Invalid:
            continue
        assert EDIFACT.parse(EDIFACT.render(found)) == found


def took(raw):
    limitless = edifact(max_segments=10_000_000, max_elements=100_000_000)
    began = time.perf_counter()
    try:
        limitless.parse(raw)
    except Invalid:
        pass
    return time.perf_counter() - began


@pytest.mark.parametrize(
    "piece", [b"?'", b"??", b"?", b"'", b"+", b"A", b" ", b"  '", b"UNH+1'", b"UNA:+.? '"]
)
def test_hostile_messages_take_time_in_proportion(piece):
    start = b"UNB+UNOA:3+A+B+C+1'UNH+1+X'"
    small = min(took(start + piece * 1_000) for _ in range(3))
    large = min(took(start + piece * 30_000) for _ in range(3))
    assert large < 240 * small + 0.1  # 30 times, and squared it were 900 times


@pytest.mark.evidence("real_server")
@pytest.mark.parametrize("sample", [ORDERS, GROUPS])
def test_pydifact_reads_what_is_written(sample):
    pydifact = pytest.importorskip("pydifact")
    raw = EDIFACT.render(EDIFACT.parse(sample.encode("latin-1")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of directories that it does not know
        theirs = list(pydifact.Parser().parse(raw.decode("latin-1")))
        original = list(pydifact.Parser().parse(sample))
    assert [[one.tag, *one.elements] for one in theirs] == [
        [one.tag, *one.elements] for one in original
    ]
    assert len(theirs) > 10
