"""The icon of a cluster in the tabs of the browser: its colour and its first letter."""

from __future__ import annotations

import re
from urllib.parse import quote

import falcon

COLOURS = {
    "red": "#9b1c1c",
    "orange": "#8f4300",
    "green": "#17623a",
    "teal": "#0f5f66",
    "blue": "#1a4fa3",
    "violet": "#6a2c91",
    "pink": "#9d1f63",
    "brown": "#6b4423",
    "grey": "#4b5563",
    "black": "#111827",
}
"""The colours that `[cluster] colour` may name, as the style sheet has them."""
_NAME = re.compile(r"([a-z]+)-(\w)\.svg")
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="3" fill="{colour}"/>'
    '<text x="8" y="12" font-family="sans-serif" font-size="11" font-weight="700" '
    'text-anchor="middle" fill="#fff">{letter}</text></svg>'
)


def icon_path(colour: str, label: str) -> str:
    """Return the address of the icon of a cluster."""
    letter = next((c for c in label if c.isalnum()), "H").upper()[:1]
    known = colour if colour in COLOURS else "grey"
    return f"/static/icon/{known}-{quote(letter)}.svg"


class ClusterIcon:
    """`/static/icon/COLOUR-LETTER.svg`."""

    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        """Answer with an icon, which browsers keep."""
        found = _NAME.fullmatch(name)
        if found is None or found[1] not in COLOURS:
            raise falcon.HTTPNotFound
        response.content_type = "image/svg+xml"
        response.text = _SVG.format(colour=COLOURS[found[1]], letter=found[2])
        response.set_header("Cache-Control", "public, max-age=31536000, immutable")
