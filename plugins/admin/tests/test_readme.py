"""The README names every admin service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_admin_service_is_documented(server: Server) -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `admin.")]
    documented = set()
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", row)
        documented |= {first} | {f"{first.rpartition('.')[0]}.{other}" for other in others}
    for item in server.call("admin.service.list", {"filter": "admin.", "limit": 10_000})["items"]:
        parts = item["name"].split(".")
        name = f"admin.KIND.TYPE.{parts[3]}" if len(parts) == 4 else item["name"]
        if name not in ("admin.api", "admin.openapi", "admin.docs", "admin.docs.file"):
            assert name in documented, name
