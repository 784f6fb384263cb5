"""The format xml keeps the contract of formats."""

from __future__ import annotations

import string
from typing import Any

from hansa_devkit.format_contract import FormatContract
from hansa_xml.element import Element
from hansa_xml.format import XmlFormat
from hansa_xml.text import presentable
from hypothesis import strategies as st

texts = st.text(st.characters(codec="utf-8"), max_size=20).filter(
    lambda text: "\ufffd" in text or "\ufffd" not in presentable(text)
)
names = st.text(string.ascii_letters, min_size=1, max_size=8).filter(lambda name: name != "item")


class TestXml(FormatContract):
    """Plain data is texts, in dictionaries and lists: XML does not tell a number from a text."""

    cls = XmlFormat
    text = texts
    values = st.dictionaries(
        names,
        st.recursive(
            texts | st.none(),
            lambda inner: (
                st.lists(inner, min_size=1, max_size=3)
                | st.dictionaries(names, inner, min_size=1, max_size=3)
            ),
            max_leaves=8,
        ),
        min_size=1,
    )
    hostile = (
        b"",
        b"<a>",
        b"<a:b/>",
        b"<!DOCTYPE a><a/>",
        b"<a>\xff</a>",
        b"<a>" * 101 + b"</a>" * 101,
        b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
    )

    def same(self, sent: Any, arrived: Any) -> bool:
        """Documents without a model arrive as elements."""
        return bool(sent == (arrived.to_data() if isinstance(arrived, Element) else arrived))
