"""The early hook of hansa-xml: its section of config.toml."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, hookimpl, setting


class XmlSection(Model):
    """Limits of XML documents, in and out, over any channel or connection: `[xml]`. A document over
    one of them is refused.
    """

    max_depth: Annotated[
        int, setting("Maximum levels of elements inside one another", ge=1, le=250)
    ] = 100
    max_elements: Annotated[int, setting("Maximum elements of a document", ge=1)] = 1_000_000
    max_attributes: Annotated[
        int,
        setting(
            "Maximum attributes of one element, and maximum namespaces in scope", ge=1, le=5000
        ),
    ] = 256
    max_name: Annotated[
        int,
        setting(
            "Maximum length of the name of an element or attribute, in characters", ge=1, le=50_000
        ),
    ] = 1000


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section."""
    return {"xml": XmlSection}
