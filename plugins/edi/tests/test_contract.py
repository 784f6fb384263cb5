"""Both formats keep the contract of formats."""

from __future__ import annotations

from hansa_devkit import FormatContract
from hansa_edi.format import EdifactFormat, X12Format
from hypothesis import strategies as some

from .samples import ORDERS, PURCHASE

TAGS = some.from_regex(r"[A-Z]{3}", fullmatch=True).filter(
    lambda tag: tag[:2] not in ("UN", "IS", "IE", "GS", "GE", "ST", "SE")
)


def segments(text, *, repeats):
    """Segments whose lists have at least two items: one item by itself is no list."""
    composite = some.lists(text, min_size=2, max_size=3)
    element = text | composite
    if repeats:
        element |= some.lists(some.lists(text, min_size=1, max_size=2), min_size=2, max_size=3)
    return some.builds(
        lambda tag, elements: [tag, *elements], TAGS, some.lists(element, max_size=4)
    )


def numbered(parts, header):
    """Parts with references of their own."""
    return [{"header": header(str(number)), **one} for number, one in enumerate(parts, 1)]


def interchanges(separators, version, text, repeats):
    message = some.fixed_dictionaries(
        {"segments": some.lists(segments(text, repeats=repeats), max_size=4)}
    )
    messages = some.lists(message, max_size=3).map(
        lambda found: numbered(found, lambda one: ["UNH", one, ["ORDERS", "D", "96A"]])
    )
    group = some.fixed_dictionaries({"messages": messages})
    groups = some.lists(group, max_size=2).map(
        lambda found: numbered(found, lambda one: ["UNG", "ORDERS", "A", "B", "C", one])
    )
    header = ["UNB", ["UNOY", version], "A", ["B", "14"], ["261130", "1609"], "R?+:'"]
    content = groups.map(lambda one: {"groups": one, "messages": []}) | messages.map(
        lambda one: {"groups": [], "messages": one}
    )
    more = {} if separators is None else {"separators": separators}
    one = content.map(lambda found: {"header": header, **more, **found})
    return some.lists(one, min_size=1, max_size=2)


PIPES = {
    "component": "|",
    "element": "^",
    "decimal": ",",
    "release": "\\",
    "repetition": "%",
    "terminator": "\n",
}
ANY = some.text(some.characters(codec="utf-8"), max_size=12).filter(
    lambda text: not any("\ufdd0" <= one <= "\ufdd7" for one in text)
)


def damaged(sample, *changes):
    """Bytes of a sample with one part replaced each."""
    found = []
    for old, new in changes:
        assert old in sample
        found.append(sample.replace(old, new).encode())
    return found


class TestEdifact(FormatContract):
    cls = EdifactFormat
    examples = 50
    model = None
    values = some.one_of(
        interchanges(None, "3", ANY, False),
        interchanges(None, "4", ANY, True),
        interchanges(PIPES, "3", ANY, False),
        interchanges(PIPES, "4", ANY, True),
    )
    hostile = (
        b"",
        b"UNA",
        b"UNA:+.? '",
        b"UNA++++++UNB",
        b"UNB+UNOX:3+A+B+C+1'UNZ+0+1'",
        b"UNB'",
        b"UNB+IATB:1+A+B+C+1'UNZ+0+1'",
        "UNB+UNOY:³+A+B+C'UNZ+0+1'".encode(),
        b"UNB+UNOA:3+A+B+C+1'",
        b"UNB+UNOA:3+A+B+C+\xff'UNZ+0+\xff'",
        b"UNT+2+1'",
        b"hello'",
        b"'" * 1000,
        b"UNB+UNOY:3+A+B+C+1'UNZ+0+1'\xef\xb7\x90",
        *damaged(
            ORDERS,
            ("UNT+10+1'", "UNT+9+1'"),
            ("UNT+10+1'", "UNT+10+2'"),
            ("UNT+10+1'\r\n", ""),
            ("UNT+10+1'", "UNT'"),
            ("UNT+10+1'", f"UNT+{'1' * 5000}+1'"),
            ("UNZ+2+REF1'", "UNZ+1+REF1'"),
            ("UNZ+2+REF1'", "UNZ+2+REF2'"),
            ("UNZ+2+REF1'", "UNZ+2+REF1"),
            ("UNZ+2+REF1'", ""),
            ("UNH+2", "UNH+1"),
            ("UNH+1", "UNH+"),
            ("QTY+", "qty+"),
            ("UNZ", "QTY+1'UNZ"),
            ("UNZ+2+REF1'", "UNZ+2+REF1'UNZ+2+REF1'"),
            ("UNB", "UNB+"),
        ),
    )


X12_HEADER = PURCHASE[:105].replace("SENDER         ", "SENDER").split("*")
for padded in (2, 4):
    X12_HEADER[padded] = ""
X12_HEADER[8] = X12_HEADER[8].strip()


def x12_interchanges():
    text = some.text(some.characters(codec="utf-8", exclude_characters="*:^~"), max_size=12)
    transaction = some.fixed_dictionaries(
        {"segments": some.lists(segments(text, repeats=True), max_size=4)}
    )
    transactions = some.lists(transaction, max_size=3).map(
        lambda found: numbered(found, lambda one: ["ST", "850", one])
    )
    groups = some.lists(some.fixed_dictionaries({"transactions": transactions}), max_size=2).map(
        lambda found: numbered(found, lambda one: ["GS", "PO", "A", "B", "C", "D", one])
    )
    separators = {"element": "*", "component": ":", "repetition": "^", "terminator": "~"}
    known = {"header": X12_HEADER, "separators": separators, "acknowledgements": [["TA1", "1"]]}
    one = groups.map(lambda found: {**known, "groups": found})
    return some.lists(one, min_size=1, max_size=2)


class TestX12(FormatContract):
    cls = X12Format
    examples = 50
    model = None
    values = x12_interchanges()
    hostile = (
        b"",
        b"ISA",
        b"ISA*",
        b"ISA" + b"*" * 103,
        b"hello~",
        PURCHASE[:105].encode(),
        *damaged(
            PURCHASE,
            ("SENDER         *01", "SENDER*01"),
            ("*:~\n", "***\n"),
            ("*^*", "*:*"),
            ("SE*6*0001", "SE*7*0001"),
            ("SE*6*0001", "SE*6*1"),
            ("SE*6*0001~\n", ""),
            ("GE*2*1", "GE*1*1"),
            ("GE*2*1~\n", ""),
            ("IEA*1*000000905", "IEA*2*000000905"),
            ("IEA*1*000000905", "IEA*1*905"),
            ("IEA*1*000000905~\n", ""),
            ("ST*850*0002", "ST*850*0001"),
            ("GS*PO", "PO1*PO"),
            ("BEG*00*SA*PO-4711", "BE\xe9*00"),
            ("IEA*1*000000905~\n", "IEA*1*000000905~\nmore"),
        ),
    )
