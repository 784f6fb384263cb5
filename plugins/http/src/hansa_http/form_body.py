"""Bodies that are forms become parameters of a request, so that typed services read them as they
read a query string.
"""

from __future__ import annotations

from contextlib import ExitStack

from hansa import Dispatch, Request, Response

from .charset import charset_of, media_type_of
from .errors import malformed
from .forms import FORM, FORM_TYPES, FormLimits, Forms
from .multipart_form import FormValues, MultipartReader, too_many_fields, too_much_text
from .query import add_value, parse_pairs


def with_forms(forms: Forms, call: Dispatch) -> Dispatch:
    """Return a call that first makes parameters of a request's form, and closes the files in it
    afterwards.

    Parameters of path and query take precedence. `extra["form"]` has the form by itself; `raw` is
    then empty.
    """

    def call_with_form(request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        if not request.raw or media_type_of(content_type) not in FORM_TYPES:
            return call(request)
        with ExitStack() as files:
            form = read_form(request.raw, content_type, forms, files)
            request.params = {**form, **request.params}
            request.extra = {**request.extra, "form": form}
            request.raw = b""
            return call(request)

    return call_with_form


def read_form(raw: bytes, content_type: str, limits: FormLimits, files: ExitStack) -> FormValues:
    """Return the values of a form in one of `FORM_TYPES`; `files` closes its files.

    Raises `Invalid` for what is malformed, and `TooLarge` for what is beyond a limit.
    """
    if media_type_of(content_type) == FORM:
        form = read_urlencoded(raw, content_type, limits)
    else:
        form = MultipartReader(limits, files).read(raw, content_type)
    if any("\0" in name for name in form):
        raise malformed("the name of a field of the form has a NUL character in it")
    return form


def read_urlencoded(raw: bytes, content_type: str, limits: FormLimits) -> FormValues:
    """Return the fields of a form in application/x-www-form-urlencoded (URL Standard, section 5.1);
    the charset of the content type counts.
    """
    if len(raw) > limits.max_text:
        raise too_much_text(limits)
    if raw.count(b"&") >= limits.max_fields:
        raise too_many_fields(limits)
    charset = charset_of(content_type) or "utf-8"
    found: FormValues = {}
    for name, value in parse_pairs(raw.decode("latin-1"), "the form", charset):
        add_value(found, name, value)
    return found
