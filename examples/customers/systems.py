"""The two systems of the bank that customers.py asks; `python systems.py` serves both and prints where.

The CRM is at /crm/CUST_ID, the payments at /payments/last?cust_id=CUST_ID; both answer in JSON.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CUSTOMERS = {
    "175": {"firstname": "Sean", "lastname": "O'Brien", "type": "RETAIL"},
    "176": {"firstname": "Zoë", "lastname": "Ångström", "type": "POLITICAL"},
}
PAYMENTS = {
    "175": {"date": "2013-05-14T10:42:14.401555", "amount": "357"},
    "176": {"date": "2013-09-03T08:00:00.000000", "amount": "1000000.50"},
}


class Systems(BaseHTTPRequestHandler):
    """Answers GET as the one or the other."""

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        if parts.path.startswith("/crm/"):
            found: Any = CUSTOMERS.get(parts.path.removeprefix("/crm/"))
        else:
            found = PAYMENTS.get(parse_qs(parts.query).get("cust_id", [""])[0])
        body = json.dumps(found or {"error": "unknown"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Systems) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
