"""Write plugins/cli/src/hansa_cli/available.json from the workspace: its distributions, each with what
it is for.

Run by `make docs`; a test fails when the file differs from what the packages say.
"""

from __future__ import annotations

import json

from tools.project import TOP, plugins

FILE = TOP / "plugins/cli/src/hansa_cli/available.json"


def text() -> str:
    """Return the content of the file."""
    found = {plugin.name: plugin.project["description"] for plugin in plugins()}
    return json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
