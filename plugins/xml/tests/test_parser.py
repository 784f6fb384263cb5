"""Only well-formed documents without a DOCTYPE come in; all else is Invalid, whatever it tries."""

from __future__ import annotations

import threading
import time

import pytest
from hansa import Invalid
from hansa_xml.early import XmlSection
from hansa_xml.parser import parse, set_limits
from hypothesis import given, settings, strategies as st
from lxml import etree

DEPTH_LIMIT = XmlSection().max_depth
LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a 'ha'>"
    + "".join(
        f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><l>&i;</l>"
)


def nested(depth: int) -> str:
    return "<a>" * depth + "</a>" * depth


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "no xml",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>tail",
        "<a:b/>",
        '<a b:c="1"/>',
        '<a b="1" b="2"/>',
        "<a>&unknown;</a>",
        "<a>\x00</a>",
        "<a>&#0;</a>",
        "<a>&#xFFFE;</a>",
        "<a>\ud800</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/a.dtd'><a/>",
        "\ufeff<?xml version='1.0'?>\n<!-- x --><?pi?>\n<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'>%p;]><a/>",
        "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>",
        LAUGHS,
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.1' encoding='utf-8'?><a>\x85</a>",
        nested(DEPTH_LIMIT + 1),
        nested(255),
        nested(100_000),
        "<a>" * DEPTH_LIMIT + "<b/>" + "</a>" * DEPTH_LIMIT,
    ],
    ids=lambda document: repr(document[:30]),
)
def test_refused(document: str) -> None:
    began = time.perf_counter()
    with pytest.raises(Invalid):
        parse(document)
    if "\ud800" not in document:
        with pytest.raises(Invalid):
            parse(document.encode())
        with pytest.raises(Invalid):
            parse(document.encode("utf-16"))
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "document",
    [
        b"\xff\xfe<\x00",
        b"<a>\xff</a>",
        b"<?xml version='1.0' encoding='none-such'?><a/>",
        b"<?xml version='1.0' encoding='utf-7'?><a/>",
        b"<?xml version='1.0' encoding='csUnicode11UTF7'?><a/>",
        b"<?xml version='1.0' encoding='UTF7'?><a>+ADw-b/+AD4-</a>",
        b"<?xml version='1.0' encoding='ascii'?><a>\xc3\xa9</a>",
        "<?xml version='1.0' encoding='utf-8'?><a>é</a>".encode("latin-1"),
        b"<a>" + b"x" * 11_000_000 + b"</a>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='iso-8859-1'?><a>\xc3\xa9</a>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-16'?><a/>",
        "<?xml version='1.0' encoding='utf-8'?><a>é</a>".encode("utf-16"),
        "<?xml version='1.0' encoding='utf-8'?><a>é</a>".encode("utf-16-le"),
        "<?xml version='1.0' encoding='utf-8'?><a>é</a>".encode("utf-32"),
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
    ],
    ids=lambda document: repr(document[:30]),
)
def test_wrong_bytes_are_refused(document: bytes) -> None:
    with pytest.raises(Invalid):
        parse(document)


def test_the_depth_limit_is_exact() -> None:
    assert parse(nested(DEPTH_LIMIT)).tag == "a"
    wide = "<a>" + "<b><c/></b>" * 500 + "</a>"
    assert len(parse(wide)) == 500


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "iso-8859-1", "windows-1252"]
)
def test_encodings_that_are_declared(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    assert (
        parse(f"<?xml version='1.0' encoding='{declared}'?><a>é</a>".encode(encoding)).text == "é"
    )
    assert parse(f"<?xml version='1.0' encoding='{declared}'?><a>é</a>").text == "é"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_that_says_so(encoding: str) -> None:
    document = f"<?xml version='1.0' encoding='{encoding[:6]}'?><a>é</a>"
    assert parse(document.encode(encoding)).text == "é"
    if encoding == "utf-16":  # without a declaration the mark says it
        assert parse("<a>é</a>".encode(encoding)).text == "é"


LONG = "n" * 1001


def attributes(count: int, form: str = 'a{}="1"') -> str:
    return " ".join(form.format(number) for number in range(count))


@pytest.mark.parametrize(
    ("document", "setting"),
    [
        (f"<a {attributes(32_000)}/>", "max_attributes"),
        ("<a " + attributes(32_000, "xmlns:a{0}='u:{0}'") + "/>", "max_attributes"),
        (f"<a><b {attributes(257)}/></a>", "max_attributes"),
        (f"<a>{'<b/>' * 1_000_000}</a>", "max_elements"),
        (f"<{LONG}/>", "max_name"),
        (f"<a><b>{'x ' * 20}<{LONG}>1</{LONG}></b></a>", "max_name"),
        (f"<a {LONG}='1'/>", "max_name"),
        (f"<a xmlns:p='u' p:{LONG}='1'/>", "max_name"),
        (nested(DEPTH_LIMIT + 1), "max_depth"),
    ],
    ids=lambda given: repr(given[:20]),
)
def test_limits_are_named_and_cost_little(document: str, setting: str) -> None:
    began = time.perf_counter()
    with pytest.raises(Invalid, match=rf"the limit {setting} of \[xml\]"):
        parse(document)
    with pytest.raises(Invalid, match=setting):
        parse(document[:1_000_000].encode("utf-16") if len(document) < 10**6 else document)
    assert time.perf_counter() - began < 5


def test_what_is_within_the_limits() -> None:
    many = attributes(256, "a{}='=='")
    children = "<b a='1' b='2'/>" * 300
    root = parse(f"<a {many}>{children}<{LONG[1:]}/>{'x' * 5000}</a>")
    assert len(root.attrib) == 256
    children = "<b xmlns='u'/>" * 300
    assert parse(f"<a>{children}</a>")[299].tag == "{u}b"


def test_limits_are_settings() -> None:
    set_limits(XmlSection(max_depth=2, max_attributes=1, max_name=5))
    try:
        assert parse("<a><b c='1'/></a>")[0].get("c") == "1"
        for document in ("<a><b><c/></b></a>", "<a b='1' c='1'/>", "<abcdef/>"):
            with pytest.raises(Invalid, match=r"of \[xml\]"):
                parse(document)
    finally:
        set_limits(XmlSection())


def test_deep_documents_hide_behind_no_encoding() -> None:
    for encoding in "utf-16", "utf-16-le", "utf-32", "cp037":
        document = (
            f"<?xml version='1.0' encoding='{encoding.replace('cp037', 'IBM037')}'?>{nested(150)}"
        ).encode(encoding)
        with pytest.raises(Invalid):
            parse(document)


def test_a_doctype_in_content_is_content() -> None:
    assert parse("<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"
    assert parse("<!-- <!DOCTYPE a> --><a>x</a>").text == "x"


def test_comments_and_instructions_are_left_out() -> None:
    root = parse("<?pi?><a>one<!-- x --> two<?pi x?><b/></a>")
    assert root.text == "one two"
    assert [child.tag for child in root] == ["b"]


def test_an_entity_opens_no_connection() -> None:
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.3)
    port = listener.getsockname()[1]
    with pytest.raises(Invalid):
        parse(
            f"<!DOCTYPE a SYSTEM 'http://127.0.0.1:{port}/a.dtd' [<!ENTITY e SYSTEM "
            f"'http://127.0.0.1:{port}/e'>]><a>&e;</a>"
        )
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


def test_many_threads_parse_at_once() -> None:
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(200):
                assert parse(f"<a><b>{number}-{index}</b></a>")[0].text == f"{number}-{index}"
                with pytest.raises(Invalid):
                    parse("<a>")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


fragments = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "/>",
        "a",
        "b:",
        " ",
        "=",
        '"',
        "'",
        "&",
        "&amp;",
        "&#1;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml ",
        "?>",
        "<!DOCTYPE ",
        "<!ENTITY ",
        "[",
        "]",
        "\x00",
        "\ufeff",
        "xmlns",
        "é",
        "<a>",
        "</a>",
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(fragments, max_size=25).map("".join) | st.text() | st.binary())
def test_whatever_comes_is_parsed_or_invalid(document: str | bytes) -> None:
    try:
        root = parse(document)
    except Invalid:
        return
    assert etree.iselement(root)
    assert root.getroottree().docinfo.internalDTD is None
    assert all(isinstance(element.tag, str) for element in root.iter())
