"""Many deletions by one request: what a server did not do is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hansa_swift.segments import delete_all

PATHS = ["c/a", "c/ż", "c/b"]


class Answering:
    """Answers every request in one way, as the middleware `bulk` of Swift does: always with status 200."""

    def __init__(self, **told):
        self._body = json.dumps(told).encode()

    def post_account(self, headers, query_string, data):
        assert query_string == "bulk-delete" and len(data.split(b"\n")) == len(PATHS)
        return {}, self._body


BAD = "400 Bad Request"
GONE = "500 Internal Error"


@pytest.mark.parametrize(
    ("told", "failed"),
    [
        ({"Number Deleted": 2, "Number Not Found": 1, "Response Status": "200 OK"}, {}),
        (
            {
                "Number Deleted": 2,
                "Number Not Found": 0,
                "Response Status": BAD,
                "Errors": [["/c/%C5%BC", "409 Conflict"]],
            },
            {"c/ż": "409 Conflict"},
        ),
        (
            {"Number Deleted": 1, "Number Not Found": 0, "Response Status": GONE, "Errors": []},
            dict.fromkeys(PATHS, GONE),
        ),
        (
            {"Number Deleted": 1, "Response Status": GONE, "Errors": [["c/a", "503 Busy"]]},
            {"c/a": "503 Busy", "c/ż": GONE, "c/b": GONE},
        ),
        (
            {"Number Deleted": 0, "Number Not Found": 0, "Response Status": BAD},
            dict.fromkeys(PATHS, BAD),
        ),
    ],
)
def test_what_was_not_deleted_is_told(told, failed):
    client: Any = Answering(**told)
    assert delete_all(client, PATHS) == failed
