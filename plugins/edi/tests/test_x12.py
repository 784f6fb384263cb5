"""X12: samples, fixed widths, and what is refused by its place."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Invalid, TooLarge, load
from hansa_edi import X12Group, X12Interchange, X12Separators, X12Transaction
from hansa_edi.format import X12Format
from hansa_edi.settings import EdiSettings
from hypothesis import given, strategies as some

from .samples import OLD_CLAIM, PURCHASE

X12: Any = X12Format()


def x12(**settings) -> Any:
    return X12Format(SimpleNamespace(edi=load(EdiSettings, settings)))


def faults_of(raw):
    with pytest.raises(Invalid) as caught:
        X12.parse(raw.encode())
    return caught.value.errors


def test_an_interchange_is_read_and_written():
    raw = PURCHASE.encode()
    [found] = X12.parse(raw)
    assert found["header"][2] == "" and found["header"][6:9] == ["SENDER", "01", "987654321"]
    assert found["acknowledgements"] == [["TA1", "000000904", "261129", "1200", "A", "000"]]
    [group] = found["groups"]
    first, second = group["transactions"]
    assert first["segments"][1] == ["REF", "ZZ", [["A"], ["B"]], ["C", "D"]]
    assert second["header"] == ["ST", "850", "0002"]
    assert x12(line_end="\n").render([found]) == raw
    typed = X12.parse(raw, X12Interchange)
    assert X12.parse(raw, list[X12Interchange]) == [typed]
    assert (typed.sender, typed.recipient, typed.control_number) == (
        "SENDER",
        "987654321",
        "000000905",
    )
    assert typed.groups[0].transactions[1].control_number == "0002"
    assert typed.groups[0].transactions[1].type == "850"
    assert x12(line_end="\n").render(typed) == raw


def test_blanks_end_no_message():
    raw = PURCHASE + OLD_CLAIM
    blanks = " " * 100
    assert len(X12.parse((raw + blanks + "\x1a").encode())) == 2
    # what comes after them is told, and not left out
    assert faults_of(PURCHASE + blanks + OLD_CLAIM)
    assert faults_of(PURCHASE + blanks + "x")


def test_an_older_version_with_other_separators():
    raw = OLD_CLAIM.encode()
    [found] = X12.parse(raw)
    assert found["separators"] == {"element": "|", "component": ">", "terminator": "\n"}
    assert found["header"][11] == "U"
    assert found["groups"][0]["transactions"][0]["segments"][1][1] == ["HC", "99213"]
    assert X12.render([found]) == raw
    both = X12.parse(raw + PURCHASE.encode())
    assert X12.render(both) == raw + PURCHASE.replace("\n", "").encode()


def test_a_header_is_filled_up():
    header = ["ISA", "00", "", "00", "", "ZZ", "A", "ZZ", "B", "261130", "1609", "", "00501", "7"]
    transaction = X12Transaction(header=["ST", "850", "0001"], segments=[["BEG", "00"]])
    group = X12Group(header=["GS", "PO", "A", "B", "20261130", "1609", "1", "X", "005010"])
    group.transactions.append(transaction)
    written = X12Interchange(header=[*header, "0", "T"], groups=[group])
    raw = X12.render(written)
    assert raw.startswith(
        b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *261130*1609*^*00501"
        b"*000000007*0*T*:~GS*PO*"
    )
    assert raw.endswith(b"SE*3*0001~GE*1*1~IEA*1*000000007~")
    assert X12.parse(raw, X12Interchange).groups == [group]


def test_all_faults_are_told_by_segment():
    raw = PURCHASE.replace("SE*6*0001", "SE*7*0001").replace("GE*2*1", "GE*2*2")
    assert faults_of(raw.replace("IEA*1*000000905", "IEA*x*000000905")) == {
        "segment 9 (SE)": "counts 7, and there are 6",
        "segment 13 (GE)": "has the reference '2', and its GS has '1'",
        "segment 14 (IEA)": "has no count in its element 1, and there are 1",
    }
    widths = PURCHASE.replace("SENDER         *01", "SENDER*1").replace("*1609*^", "*16:09*^", 1)
    assert faults_of(widths) == {
        "ISA06": "has 6 characters, and not 15",
        "ISA07": "has 1 characters, and not 2",
        "ISA10": "has 5 characters, and not 4",
    }
    assert faults_of(PURCHASE.replace("IEA*1*000000905~\n", "ISA")) == {
        "segment 14": "does not end with '~'"
    }
    assert faults_of(PURCHASE.replace("~\nCTT*1~", "~~CTT*1~")) == {
        "segment 8": "has no tag of two or three capital letters and digits"
    }


def test_what_cannot_be_written_is_refused_by_its_path():
    [found] = X12.parse(PURCHASE.encode())
    found["groups"][0]["transactions"][0]["segments"][0][3] = "a*b"
    found["groups"][0]["transactions"][1]["header"][2] = "0001"
    found["header"][6] = "x" * 16
    found["header"][16] = ">"
    with pytest.raises(Invalid) as caught:
        X12.render([found])
    assert set(caught.value.errors) == {
        "[0].header[6]",
        "[0].header[16]",
        "[0].groups[0].transactions[0].segments[0][3]",
        "[0].groups[0].transactions[1].header",
    }
    same = X12Interchange(header=found["header"], separators=X12Separators(element="~"))
    with pytest.raises(Invalid, match="are not different signs"):
        X12.render(same)


def test_limits_are_named():
    with pytest.raises(TooLarge, match=r"edi\.max_segments"):
        x12(max_segments=13).parse(PURCHASE.encode())
    with pytest.raises(TooLarge, match=r"edi\.max_elements"):
        x12(max_elements=20).parse(PURCHASE.encode())


def test_charsets():
    raw = PURCHASE.replace("PO-4711", "Größe")
    assert X12.parse(raw.encode())[0]["groups"]
    with pytest.raises(Invalid, match=r"not valid utf-8 \(setting edi\.encoding\)"):
        X12.parse(raw.encode("latin-1"))
    latin = x12(encoding="latin-1", line_end="\n")
    assert latin.render(latin.parse(raw.encode("latin-1"))) == raw.encode("latin-1")
    with pytest.raises(Invalid) as caught:
        load(EdiSettings, {"encoding": "utf-16"})
    assert set(caught.value.errors) == {"encoding"}


ENVELOPES = ["ST*850*1~", "SE*2*1~", "GS*PO*A*B*C*D*1~", "GE*0*1~", "IEA*0*000000905~", "TA1*1~"]
PIECES = [*ENVELOPES, "BEG", "*", ":", "^", "~", "1"]


@given(some.lists(some.sampled_from(PIECES), max_size=14))
def test_any_mixture_of_pieces_is_read_or_refused(pieces):
    raw = (PURCHASE[:107] + "".join(pieces)).encode()
    try:
        found = X12.parse(raw)
    except Invalid:
        return
    assert X12.parse(X12.render(found)) == found


@pytest.mark.evidence("real_server")
@pytest.mark.parametrize("sample", [PURCHASE, OLD_CLAIM])
def test_pyx12_finds_no_fault_in_what_is_written(sample):
    x12file = pytest.importorskip("pyx12.x12file")
    raw = X12.render(X12.parse(sample.encode()))
    reader = x12file.X12Reader(StringIO(raw.decode()))
    tags = [segment.get_seg_id() for segment in reader]
    reader.cleanup()
    assert reader.pop_errors() == []
    sign = sample[3]
    assert tags == [line.partition(sign)[0] for line in sample.splitlines()]
