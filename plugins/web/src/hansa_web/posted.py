"""What a browser has sent: the fields of an address, of a form, and uploaded files."""

from __future__ import annotations

from urllib.parse import parse_qs

import falcon

from .language.texts import gettext
from .visit import Form

MULTIPART = "multipart/form-data"
MOST_FIELDS = 5000
"""Fields of the largest form."""
LONGEST = 16 * 1024 * 1024
"""Bytes of the largest form."""


def read_posted(request: falcon.Request) -> Form:
    """Return the fields of a posted form; a file `x` also has its name in `x.name`, and a field for
    files of which none was chosen is left out.

    Raises `falcon.HTTPError` for what is too large, or no form.
    """
    if not (request.content_type or "").startswith(MULTIPART):
        return read_form(request)
    if (request.content_length or 0) > LONGEST:
        raise falcon.HTTPContentTooLarge
    found: dict[str, list[str]] = {}
    handler = falcon.media.MultipartFormHandler()
    handler.parse_options.max_body_part_count = MOST_FIELDS
    handler.parse_options.max_body_part_buffer_size = LONGEST
    parts = handler.deserialize(
        request.bounded_stream, request.content_type, request.content_length
    )
    for part in parts:
        if part.filename == "":
            continue
        text = part.get_data().decode(errors="replace")
        name = part.name or ""
        found.setdefault(name, []).append(text)
        if part.filename:
            found.setdefault(f"{name}.name", []).append(part.filename)
    return Form(found)


def read_form(request: falcon.Request) -> Form:
    """Return the fields of a posted form (`application/x-www-form-urlencoded`).

    Raises `falcon.HTTPError` for one that is too large, or none.
    """
    if (request.content_length or 0) > LONGEST:
        raise falcon.HTTPContentTooLarge
    return _parsed(request.bounded_stream.read(LONGEST), gettext("the form cannot be read"))


def read_query(request: falcon.Request) -> Form:
    """Return the fields of the address; raises `falcon.HTTPError` for too many."""
    return _parsed(request.query_string.encode(), gettext("the address cannot be read"))


def _parsed(text: bytes, fault: str) -> Form:
    try:
        return Form(parse_qs(text.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise falcon.HTTPBadRequest(description=fault) from None
