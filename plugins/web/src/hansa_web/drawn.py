"""What the last poll of a session was answered with, so that the same answers of the API are not drawn
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import falcon

from .api import JsonObject


@dataclass(frozen=True)
class DrawnPage:
    """A page as it was drawn: for which request, from which answers, and its ETag.

    PERF: to see that the answers are the same objects takes a fifth of the time of drawing them.
    """

    address: str
    cookies: str
    answers: tuple[JsonObject, ...]
    etag: str

    @classmethod
    def of(cls, request: falcon.Request, answers: Sequence[JsonObject], etag: str) -> DrawnPage:
        """Return the page of a request."""
        return cls(request.relative_uri, request.get_header("Cookie") or "", tuple(answers), etag)

    def is_what(self, request: falcon.Request, answers: Sequence[JsonObject]) -> bool:
        """Whether a request has this page, and the same answers would be drawn."""
        if request.get_header("If-None-Match") != self.etag:
            return False
        if DrawnPage.of(request, self.answers, self.etag) != self:
            return False
        return {id(one) for one in answers} == {id(one) for one in self.answers}
