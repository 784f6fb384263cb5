"""The section `form` of every channel: the limits and the charset of its forms."""

from __future__ import annotations

import codecs
from typing import Annotated, ClassVar

from hansa import Invalid, setting
from hansa_http.forms import FormLimits


class FormSettings(FormLimits):
    """Forms.

    How messages of the format `form` are read and written.
    """

    section: ClassVar[str] = "form"

    encoding: Annotated[
        str,
        setting(
            "Charset of fields that name none, such as utf-8 or cp1252; it contains ASCII",
            min_length=1,
        ),
    ] = "utf-8"
    multipart: Annotated[
        bool,
        setting(
            "Whether all forms are written as multipart/form-data; otherwise those with files in "
            "them are"
        ),
    ] = False

    def check(self) -> None:
        """Refuse a charset that no form can have; raises `Invalid`."""
        super().check()
        try:
            codecs.lookup(self.encoding)
            contains_ascii = "a=b&%".encode(self.encoding) == b"a=b&%"
        except (LookupError, ValueError):
            contains_ascii = False
        if not contains_ascii:
            raise Invalid({"encoding": "is not a charset that contains ASCII"})


DEFAULT = FormSettings()
"""The settings of forms that come by no channel."""
