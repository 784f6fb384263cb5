"""Answers in HTML: pages, redirects, and the page of an error."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import Any

import falcon

from .api import ApiError
from .language.texts import gettext, gettext_noop
from .page import Download
from .rendering import render

log = logging.getLogger("hansa.web")
_FOR_ADVICE = {
    401: gettext_noop("Log in again."),
    403: gettext_noop("Your role does not allow this; ask an administrator of the cluster."),
    503: gettext_noop("The page works again as soon as a server or the load-balancer answers."),
}


def show(request: falcon.Request, response: falcon.Response, text: str, status: int = 200) -> None:
    """Answer with a page; with 304 if the browser has this very page."""
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if status == 200 and request.get_header("If-None-Match") == etag:
        response.status = falcon.HTTP_304
        return
    response.status = status
    response.content_type = falcon.MEDIA_HTML
    response.text = text
    response.set_header("ETag", etag)


def lead_to(response: falcon.Response, path: str) -> None:
    """Lead the browser to another page, which it gets by GET."""
    response.status = falcon.HTTP_303
    response.location = path


def send_download(response: falcon.Response, file: Download) -> None:
    """Answer with a file to be saved."""
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in file.name)
    response.content_type = file.content_type
    response.data = file.content
    response.downloadable_as = name  # encoded where it is not ASCII


def show_problem(
    request: falcon.Request, response: falcon.Response, error: ApiError, **frame: Any
) -> None:
    """Answer with the page of an error of the API, its status and its correlation id."""
    text = render(
        "error.html",
        title=str(error.problem.get("title") or gettext("Error")),
        detail=str(error),
        status=error.status,
        cid=error.cid,
        advice=gettext(_FOR_ADVICE[error.status]) if error.status in _FOR_ADVICE else "",
        frame=frame.get("frame"),
    )
    show(request, response, text, error.status)


def show_failure(
    request: falcon.Request, response: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    """Answer for an exception that nobody expected: the log has it, under the id that is shown."""
    if isinstance(error, ApiError):
        show_problem(request, response, error)
        return
    cid = secrets.token_hex(8)
    log.error("%s %s failed (%s)", request.method, request.path, cid, exc_info=error)
    detail = gettext("the page failed unexpectedly; the web admin's log tells more")
    show_problem(request, response, ApiError(500, {"detail": detail, "cid": cid}))


def show_not_found(
    request: falcon.Request,
    response: falcon.Response,
    error: falcon.HTTPError,
    params: dict[str, Any],
) -> None:
    """Answer for an address that is no page's, or a method that a page does not have."""
    status = error.status_code
    detail = error.description or gettext("there is nothing at %(path)s", path=request.path)
    show_problem(request, response, ApiError(status, {"title": error.title, "detail": detail}))
    response.set_headers(error.headers or {})
