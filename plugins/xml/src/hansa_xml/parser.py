"""The one way into XML: a parser that refuses DOCTYPEs, entities, networks and deep nesting, for
every plugin that reads XML.
"""

from __future__ import annotations

import re
import threading

from hansa import Invalid
from lxml import etree

DEPTH_LIMIT = 100
"""How many elements may stand inside one another."""

_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.S)
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (DEPTH_LIMIT + 1) + ")")
# The beginning of documents whose encoding surely writes "<", "/" and "!" as ASCII does, so that
# these can be looked for.
_COUNTABLE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s*<[^?\x00]|<\?xml\s+version\s*=\s*[\"'][\d.]+[\"']"
    rb"(?:\s+encoding\s*=\s*[\"'](?:utf-8|us-ascii|iso-8859-\d+|windows-125\d)[\"'])?"
    rb"(?:\s+standalone\s*=\s*[\"']\w+[\"'])?\s*\?>)",
    re.I,
).match
_NO_DOCTYPE = "a document type declaration (DOCTYPE) is not accepted"
_own = threading.local()


def new_parser(encoding: str | None = None) -> etree.XMLParser:
    """Make a parser that opens nothing, expands nothing, and keeps to libxml2's limits on depth
    (256) and text (10 MB).
    """
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def parse(raw: bytes | str) -> etree._Element:
    """Read a document and give its root element, without comments and processing instructions.

    Bytes are decoded as the document declares (UTF-8 by default); a declaration inside text is
    ignored. The size is limited by the channel. Raises `Invalid` for anything but well-formed XML
    (with namespaces), for a DOCTYPE, and for more than `DEPTH_LIMIT` levels.
    """
    if isinstance(raw, str):
        try:
            raw, parser = raw.encode(), new_parser("utf-8")
        except UnicodeEncodeError:
            raise Invalid("not well-formed XML: it contains a lone surrogate") from None
    else:
        # PERF: making a parser costs 2.4 us; a shared one would be a lock between threads, hence
        # one for each thread.
        try:
            parser = _own.parser
        except AttributeError:
            parser = _own.parser = new_parser()
    doctype = b"<!DOCTYPE" in raw
    if doctype and _PROLOG.match(raw):
        raise Invalid(_NO_DOCTYPE)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise Invalid(f"not well-formed XML: {_text(error)}") from None
    except (ValueError, LookupError) as error:
        raise Invalid(f"not well-formed XML: {error}") from None
    # PERF: what is not in the bytes need not be searched in the tree: no DOCTYPE, and fewer end
    # tags than levels.
    if _COUNTABLE(raw):
        suspect, deep = doctype, raw.count(b"</") >= DEPTH_LIMIT
    else:
        suspect = deep = True
    if suspect and root.getroottree().docinfo.internalDTD is not None:
        raise Invalid(_NO_DOCTYPE)
    if deep and _TOO_DEEP(root):
        raise Invalid(f"nested deeper than {DEPTH_LIMIT} elements")
    return root


def _text(error: etree.XMLSyntaxError) -> str:
    """What libxml2 says, in one line and without the name of a file that is none."""
    return " ".join((error.msg or "unreadable").split())


def local_name(tag: str) -> str:
    """The name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]
