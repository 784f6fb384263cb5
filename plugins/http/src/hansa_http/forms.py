"""Forms of browsers and of other clients: their media types, and the limits within which a channel
reads them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from hansa import Model, setting

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_TYPES = (FORM, MULTIPART)


class FormLimits(Model):
    """The limits within which forms are read; `section` is what errors call their section."""

    section: ClassVar[str] = "forms"

    max_fields: Annotated[
        int, setting("Maximum number of fields in a form, besides files", ge=1, le=100_000)
    ] = 1000
    max_text: Annotated[
        int,
        setting("Maximum size of all fields of a form together, besides files", ge=1, le=2**30),
    ] = 2**20
    max_files: Annotated[
        int, setting("Maximum number of files in a form; 0 accepts none", ge=0, le=1000)
    ] = 20
    max_file: Annotated[
        int,
        setting(
            "Maximum size of one file; the size of the whole body is limited by max_body of [http]",
            ge=0,
            le=2**40,
        ),
    ] = 16 * 2**20


class Forms(FormLimits):
    """Which forms a channel reads into the input of its service."""

    enabled: Annotated[
        bool,
        setting(
            "Whether bodies of forms (application/x-www-form-urlencoded, multipart/form-data) "
            "become the input; pages of any origin can send them without a preflight"
        ),
    ] = False
