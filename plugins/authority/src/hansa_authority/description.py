"""The file `.hansa-info` in the folder of a component: what it is, and when and by whom it was
made.
"""

from __future__ import annotations

import datetime
import getpass
import json
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Final

INFO_FILE: Final = ".hansa-info"

CA: Final = "CA"
"""The kind of a folder that holds a certificate authority."""


def describe(folder: Path, kind: str, **more: object) -> None:
    """Write the file: kind, version of Hansa, user and host, time (UTC, ISO 8601), and further
    facts, which must be JSON.

    Raises OSError.
    """
    created = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    about = {
        "version": version("hansa"),
        "created_user_host": f"{getpass.getuser()}@{socket.gethostname()}",
        "created_ts": created.isoformat(),
        "component": kind,
        **more,
    }
    (folder / INFO_FILE).write_text(json.dumps(about) + "\n")
