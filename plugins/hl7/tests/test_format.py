"""The format holds the contract, and reads messages in their charsets."""

from __future__ import annotations

import time

import hl7
import pytest
from hansa import Invalid, Misused, Model
from hansa_devkit import FormatContract
from hansa_hl7.format import MOST_PARTS, Hl7Format
from hypothesis import strategies as st

HEAD = "MSH|^~\\&|LAB|WARD|HANSA|HOUSE|20261130||ADT^A01|17|P|2.5"
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="|^~\\&"),
    max_size=20,
)


def messages():
    fields = st.lists(st.lists(TEXT, min_size=1, max_size=3).map("^".join), min_size=1, max_size=5)
    segments = st.lists(fields.map(lambda found: "ZZZ|" + "|".join([*found, "x"])), max_size=4)
    return segments.map(lambda found: hl7.parse("\r".join([HEAD, *found])))


class TestFormat(FormatContract):
    cls = Hl7Format
    model = None
    values = messages()
    hostile = (
        b"",
        b"MSH",
        b"MSH|",
        b"hello",
        b'{"json": 1}',
        b"MSHA^~\\&AaAb",
        b"MSH|||a|b",
        b"MSH|^^\\&|a",
        b"MSH|^~\\&|a|||||||||||||||EBCDIC\r",
        HEAD.encode() + b"\rPID|\xff\xfe\r",
        HEAD.encode() + b"\r" + HEAD.encode() + b"\r",
        HEAD.encode() + b"\r" + b"|" * (MOST_PARTS + 1),
        b"MSH|^~\\&|" + b"a" * 5000,
    )

    def same(self, sent, arrived):
        return str(sent).strip("\r") == str(arrived).strip("\r")


def parse(text, charset="utf-8"):
    return Hl7Format().parse(text.encode(charset))


def test_fields_are_read_by_their_names():
    found = parse(f"{HEAD}\nPID|1||4711||Lovelace^Ada~Byron^Ada\r\nOBX|1|TX|a\\T\\b\n")
    assert found["PID.5.1.1"] == "Lovelace" and found["PID.F5.R2.C1"] == "Byron"
    assert found["OBX.F3.R1.C1"] == "a&b" and str(found.segment("MSH")[9]) == "ADT^A01"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("", "utf-8"),
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("8859/15~ASCII", "iso8859-15"),
    ],
)
def test_charsets(name, codec):
    text = f"{HEAD}||||||{name}\rPID|1||||Größe\r"
    found = parse(text, codec)
    assert str(found.segment("PID")[5]) == "Größe"
    assert Hl7Format().render(found) == text.encode(codec)


def test_text_is_written_with_a_carriage_return_after_each_segment():
    assert Hl7Format().render(f"{HEAD}\nPID|1\n") == f"{HEAD}\rPID|1\r".encode()
    with pytest.raises(Invalid, match="a dict is no HL7 message"):
        Hl7Format().render({})


def test_an_input_is_refused():
    class Input(Model):
        """An input."""

    with pytest.raises(Misused, match=r"self\.request\.input"):
        Hl7Format().parse(HEAD.encode(), Input)


def test_the_largest_message_is_read_in_time():
    began = time.perf_counter()
    parse(f"{HEAD}\r" + "ZZZ" + "|a^b" * (MOST_PARTS // 2 - 20))
    took = time.perf_counter() - began
    began = time.perf_counter()
    parse(f"{HEAD}\r" + "ZZZ" + "|a^b" * (MOST_PARTS // 20))
    assert took < 40 * (time.perf_counter() - began)
