"""Two providers of stock quotes, of the shapes that stockmarket.py reads; `python providers.py`
serves both and prints where.

JSON is at /v1/public/yql (`q` is a query that names the symbol), XML at /ig/api (`stock`).
"""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import quoteattr

SYMBOL = re.compile(r'symbol="([^"]*)"')
# symbol: billions of USD at the one, millions at the other
WORTH = {
    "GOOG": ("298.8B", "298815.05"),
    "RHT": ("8.763B", "8763.24"),
    "IBM": ("219.4B", "219400.10"),
}


class Providers(BaseHTTPRequestHandler):
    """Answers GET as the one or the other."""

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/public/yql":
            found = SYMBOL.search(query.get("q", ""))
            worth = WORTH.get(found[1] if found else "")
            quote = {
                "symbol": found[1] if found else "",
                "MarketCapitalization": worth[0] if worth else None,
            }
            self.answer(
                "application/json", json.dumps({"query": {"count": 1, "results": {"quote": quote}}})
            )
        elif parts.path == "/ig/api":
            symbol = query.get("stock", "")
            inner = f"<symbol data={quoteattr(symbol)}/>"
            if symbol in WORTH:
                inner += f'<market_cap data="{WORTH[symbol][1]}"/>'
            self.answer(
                "text/xml", f'<xml_api_reply version="1"><finance>{inner}</finance></xml_api_reply>'
            )
        else:
            self.send_error(404)

    def answer(self, content_type: str, text: str) -> None:
        """Send a text."""
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Providers) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
