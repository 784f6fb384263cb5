"""What the last poll of a session was answered with, so that the same answers of the API are not drawn
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import falcon

from .api import JsonObject
from .view import current_view


@dataclass(frozen=True)
class DrawnPage:
    """A page as it was drawn: for which address, cookies and language, from which answers, and its text.

    PERF: twenty tabs with the same page are answered with one drawing; to see that the answers are
    the same objects takes a fifth of its time.
    """

    address: str
    cookies: str
    language: str
    answers: tuple[JsonObject, ...]
    text: str

    @classmethod
    def of(cls, request: falcon.Request, answers: Sequence[JsonObject], text: str) -> DrawnPage:
        """Return the page of a request."""
        cookies = request.get_header("Cookie") or ""
        language = current_view().language
        return cls(request.relative_uri, cookies, language, tuple(answers), text)

    def is_what(self, request: falcon.Request, answers: Sequence[JsonObject]) -> bool:
        """Whether the same would be drawn for a request with these answers."""
        if request.relative_uri != self.address or request.get_header("Cookie") != self.cookies:
            return False
        if current_view().language != self.language:
            return False
        return {id(one) for one in answers} == {id(one) for one in self.answers}
