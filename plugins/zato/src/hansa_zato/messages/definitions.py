"""The kind `message` with its types `namespace`, `xpath` and `json_pointer`: expressions by name."""

from __future__ import annotations

from typing import Annotated

from hansa import Definition, Invalid, Model, setting

from . import pointer

KIND = "message"
LONGEST = 2000
"""Characters of the longest expression."""


class NamespaceSettings(Model):
    """Namespace.

    What a prefix stands for in XPath expressions; its name is the prefix.
    """

    value: Annotated[
        str,
        setting("Namespace", example="http://example.com/orders", min_length=1, max_length=LONGEST),
    ]


class XPathSettings(Model):
    """XPath expression.

    Where a value is in XML documents.
    """

    value: Annotated[
        str,
        setting(
            "XPath expression", example="/order/customer/@id", min_length=1, max_length=LONGEST
        ),
    ]

    def check(self) -> None:
        """Refuse what is not XPath; raises `Invalid`."""
        from lxml import etree  # lazy: the command line does without

        try:
            etree.XPath(self.value)
        except etree.XPathSyntaxError as error:
            raise Invalid({"value": f"is not an XPath expression: {error}"}) from None


class JSONPointerSettings(Model):
    """JSON Pointer.

    Where a value is in JSON documents (RFC 6901).
    """

    value: Annotated[str, setting("JSON Pointer", example="/order/customer/id", max_length=LONGEST)]

    def check(self) -> None:
        """Refuse what is not a pointer; raises `Invalid`."""
        try:
            pointer.steps(self.value)
        except ValueError as error:
            raise Invalid({"value": str(error)}) from None


class Namespace(Definition[NamespaceSettings]):
    """What a prefix stands for in XPath expressions of services, `self.msg.xpath`."""

    kind = KIND
    type = "namespace"


class XPathExpression(Definition[XPathSettings]):
    """An XPath expression that services use by its name, `self.msg.xpath`."""

    kind = KIND
    type = "xpath"


class JSONPointerExpression(Definition[JSONPointerSettings]):
    """A JSON Pointer that services use by its name, `self.msg.json_pointer`."""

    kind = KIND
    type = "json_pointer"
