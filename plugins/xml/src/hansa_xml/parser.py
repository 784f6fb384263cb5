"""The one way into XML: a parser that refuses DOCTYPEs, entities, networks and what is over the
limits of `[xml]`, for every plugin that reads XML.
"""

from __future__ import annotations

import codecs
import re
import threading

from hansa import Invalid
from lxml import etree

from .early import XmlSection
from .limits import Limits

_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.S)
# The beginning of documents whose encoding surely writes "<", "/" and "!" as ASCII does, so that
# these can be looked for.
_COUNTABLE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s*<[^?\x00]|<\?xml\s+version\s*=\s*[\"'][\d.]+[\"']"
    rb"(?:\s+encoding\s*=\s*[\"'](?:utf-8|us-ascii|iso-8859-\d+|windows-125\d)[\"'])?"
    rb"(?:\s+standalone\s*=\s*[\"']\w+[\"'])?\s*\?>)",
    re.I,
).match
_DECLARATION = re.compile(
    r"""\s*<\?xml\s+version\s*=\s*["']([\w.:-]*)["'](?:\s+encoding\s*=\s*["']([\w.-]*)["'])?"""
).match
_LONGEST_DECLARATION = 400
_UTF_8_MARK = codecs.BOM_UTF8
# How a document in each family of encodings begins, longer beginnings first.
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_WIDE_NAMES = {
    "utf-16": ("utf-16", "ucs-2", "iso-10646-ucs-2"),
    "utf-32": ("utf-32", "ucs-4", "iso-10646-ucs-4"),
}
_is_utf_7 = re.compile("utf-?7").search
"""Whether a declared encoding is one in which what looks like text may be markup."""
_OVER_LIBRARY_LIMIT = "a text of more than 10 MB, or elements more than 256 levels deep"
_NO_DOCTYPE = "a document type declaration (DOCTYPE) is not accepted"
_LIBRARY_LIMITS = (63, 114)
"""The codes of errors by which libxml2 reports that a document is over one of its own limits: for
CDATA sections, and for all else.
"""
_own = threading.local()
_limits = Limits(XmlSection())


class OverLibraryLimit(Invalid):
    """A document is over the limits that libxml2 has of its own, which `huge` lifts."""


def set_limits(section: XmlSection) -> None:
    """Make the limits of a section those of all documents that this process reads from now on."""
    global _limits
    _limits = Limits(section)


def new_parser(
    encoding: str | None = None, *, huge: bool = False, recover: bool = False
) -> etree.XMLParser:
    """Make a parser that opens nothing, expands nothing, and keeps to libxml2's limits on depth
    (256) and text (10 MB).

    `huge` lifts the limits of libxml2, those of `[xml]` stay; `recover` reads what it can of what
    is not well-formed.
    """
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=huge,
        recover=recover,
        remove_comments=True,
        remove_pis=True,
    )


def parse(raw: bytes | str, *, huge: bool = False, recover: bool = False) -> etree._Element:
    """Read a document and return its root element, without comments and processing instructions.

    Bytes are decoded as the document declares (UTF-8 by default); a declared encoding inside text
    is ignored. The size is limited by the channel. `huge` and `recover` are those of `new_parser`.
    Raises `Invalid` for anything but well-formed XML 1.0 (with namespaces), for a DOCTYPE, for a
    declared encoding that is not that of the bytes, and for what is over the limits of `[xml]`.
    """
    if isinstance(raw, str):
        _check_declaration(raw[:_LONGEST_DECLARATION].removeprefix("\ufeff"), None)
        try:
            raw = raw.encode()
        except UnicodeEncodeError:
            raise Invalid("not well-formed XML: it contains a lone surrogate") from None
        parser = new_parser("utf-8", huge=huge, recover=recover)
    else:
        _check_encoding(raw)
        parser = new_parser(huge=huge, recover=recover) if huge or recover else _thread_parser()
    doctype = b"<!DOCTYPE" in raw
    if doctype and _PROLOG.match(raw):
        raise Invalid(_NO_DOCTYPE)
    root = _parsed(raw, parser)
    ascii_markup = _COUNTABLE(raw) is not None
    if (doctype or not ascii_markup) and root.getroottree().docinfo.internalDTD is not None:
        raise Invalid(_NO_DOCTYPE)
    _limits.check(root, raw, ascii_markup=ascii_markup)
    return root


def _thread_parser() -> etree.XMLParser:
    """Return the parser of this thread.

    PERF: making a parser costs 2.4 us; a shared one would be a lock between threads.
    """
    try:
        parser: etree.XMLParser = _own.parser
    except AttributeError:
        parser = _own.parser = new_parser()
    return parser


def _parsed(raw: bytes, parser: etree.XMLParser) -> etree._Element:
    try:
        root: etree._Element | None = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", 0) in _LIBRARY_LIMITS:  # the stubs of lxml do not have it
            raise OverLibraryLimit(_OVER_LIBRARY_LIMIT) from None
        raise Invalid(f"not well-formed XML: {_text(error)}") from None
    except (ValueError, LookupError) as error:
        raise Invalid(f"not well-formed XML: {error}") from None
    if root is None:
        raise Invalid("not well-formed XML: nothing of it can be read")
    return root


def _check_encoding(raw: bytes) -> None:
    """Raise `Invalid` if the declared encoding is not that of the bytes (XML 1.0, 4.3.3), or the
    version of XML is not 1.0.
    """
    # PERF: nearly every document without a declaration begins so
    if raw[:1] == b"<" and raw[1:2] not in (b"?", b"\0"):
        return
    head = raw[:_LONGEST_DECLARATION]
    for beginning, codec in _WIDE:
        if head.startswith(beginning):
            _check_declaration(head.decode(codec, "ignore"), codec[:6])
            return
    if head.startswith(_UTF_8_MARK):
        _check_declaration(head.removeprefix(_UTF_8_MARK).decode("latin-1"), "utf-8")
    else:
        _check_declaration(head.decode("latin-1"), "")


def _check_declaration(head: str, actual: str | None) -> None:
    """Check a declaration at the beginning of a document, if there is one.

    `actual` is the encoding that the bytes show, an empty text if only that it is a superset of
    ASCII; with None the declared one does not count.
    """
    found = _DECLARATION(head)
    if found is None:
        return
    version = found[1]
    if version != "1.0":
        raise Invalid(f"XML {version} is not accepted, only XML 1.0 is")
    if actual is None or not found[2]:
        return
    declared = found[2].lower()
    if actual == "utf-8":
        fits = declared == "utf-8"
    elif actual:
        fits = declared.startswith(_WIDE_NAMES[actual])
    else:
        wide = declared.startswith(_WIDE_NAMES["utf-16"] + _WIDE_NAMES["utf-32"])
        fits = not wide and not _is_utf_7(declared)
    if not fits:
        raise Invalid(
            f"the document declares the encoding {found[2]!r}, which is not that of its bytes"
        )


def _text(error: etree.XMLSyntaxError) -> str:
    """What libxml2 says, in one line and without the name of a file that is none."""
    return " ".join((error.msg or "unreadable").split())


def local_name(tag: str) -> str:
    """The name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]
