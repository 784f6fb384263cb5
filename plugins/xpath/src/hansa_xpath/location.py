"""Location paths: the part of XPath 1.0 that finds one element, attribute or text in a time that is
linear in the size of the message, whatever a caller sends.

A path begins at the root, has `//` at most once, and has predicates by position, by attribute, and
by `local-name()` and `namespace-uri()`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hansa import Invalid
from lxml import etree

LONGEST = 1024
"""Maximum length of an expression, and of what it finds, in characters."""

_NC_NAME = r"[^\W\d][\w.-]*"
_NAME = rf"(?:{_NC_NAME}:)?(?:{_NC_NAME}|\*)"
_LITERAL = r"(?:'[^']*'|\"[^\"]*\")"
_COMPARISON = rf"(?:@{_NAME}|local-name\(\)|namespace-uri\(\))\s*=\s*{_LITERAL}"
_PREDICATE = rf"\[\s*(?:[1-9]\d{{0,5}}|{_COMPARISON}(?:\s+and\s+{_COMPARISON})*)\s*\]"
_STEP = rf"{_NAME}(?:{_PREDICATE})*"
_is_location_path = re.compile(rf"(?://?{_STEP})+(?:/(?:@{_NAME}|text\(\)))?").fullmatch
_is_prefix = re.compile(_NC_NAME).fullmatch
_literals = re.compile(_LITERAL)
_prefixes = re.compile(rf"({_NC_NAME}):")


def fault_of_path(expression: str, namespaces: Mapping[str, str]) -> str:
    """Return why an expression is no location path that may be used; an empty text if it is one."""
    if len(expression) > LONGEST:
        return f"must not be longer than {LONGEST} characters"
    if not _is_location_path(expression):
        return (
            "must be a location path from the root, such as /order/login/@user or //auth:user, "
            "with no functions but local-name(), namespace-uri() and text()"
        )
    names = _literals.sub("", expression)
    if names.count("//") > 1:
        return "must not have // more than once"
    unknown = sorted(set(_prefixes.findall(names)) - set(namespaces) - {"xml"})
    if unknown:
        return f"uses prefixes that are not in namespaces: {', '.join(unknown)}"
    return ""


def faults_of_namespaces(namespaces: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each prefix and namespace, by setting."""
    faults: dict[str, str] = {}
    for prefix, namespace in namespaces.items():
        if not _is_prefix(prefix):
            faults[f"namespaces.{prefix}"] = "is not a prefix that XML can write"
        elif not namespace or not namespace.isprintable():
            faults[f"namespaces.{prefix}"] = "must be a namespace, in printable characters"
    return faults


class Location:
    """A location path, compiled once; usable from many threads."""

    def __init__(self, expression: str, namespaces: Mapping[str, str]) -> None:
        # two are enough to see that there is more than one: a caller may send a million
        self._find = etree.XPath(
            f"({expression})[position() < 3]", namespaces=dict(namespaces), smart_strings=False
        )

    def text_in(self, root: etree._Element) -> str:
        """Return the text of the one node that is found.

        Raises `Invalid` where there is none or more than one, for an element that holds elements,
        and for a text that is empty or longer than 1,024 characters.
        """
        found = self._find(root)
        if not isinstance(found, list) or len(found) != 1:
            raise Invalid("the message does not have it exactly once")
        (node,) = found
        if isinstance(node, etree._Element):
            if len(node):
                raise Invalid("it holds elements")
            node = node.text or ""
        text = str(node)
        if not text or len(text) > LONGEST:
            raise Invalid("it is empty, or too long")
        return text
