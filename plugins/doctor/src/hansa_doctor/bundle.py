"""`hansa support-bundle`: what support asks for first, in one file without secrets."""

from __future__ import annotations

import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from hansa import HansaError, read_odb
from hansa_quickstart.component import Component
from hansa_quickstart.failure import NOT_EMPTY, Failure
from hansa_quickstart.place import Place, home_of

from .examining import examine_place
from .running import ask
from .secrets_known import Mask

TAIL: Final = 512 * 1024
"""Bytes of the end of each log."""


def write_bundle(place: Place, path: Path) -> list[str]:
    """Write the bundle, mode 0600, and return the names of its members; raises `Failure`."""
    mask = Mask(place)
    names: list[str] = []
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Failure(f"{path} exists already", NOT_EMPTY) from None
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in _members(place, mask):
            content = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o600
            info.mtime = int(time.time())
            archive.addfile(info, io.BytesIO(content))
            names.append(name)
    return names


def _members(place: Place, mask: Mask) -> Iterator[tuple[str, str]]:
    yield "doctor.json", _json(mask.value([asdict(one) for one in examine_place(place)]))
    yield "versions.json", _json(_versions())
    for part in _parts(place):
        name = part.folder.name
        if part.config.exists():
            yield f"settings/{name}.json", _json(mask.value(part.raw()))
        for log in sorted(_log_folder(part).glob("*.log")):
            yield f"logs/{name}/{log.name}", mask.text(_tail(log))
    yield "definitions.json", _json(_definitions(place, mask))
    status = ask(place.first, "admin.cluster.status", {"all": True})
    if status is not None:
        yield "status.json", _json(mask.value(status))


def _parts(place: Place) -> list[Component]:
    home = place.first.home
    return home.parts if place.first.exists and home.exists else list(place.servers)


def _log_folder(part: Component) -> Path:
    return part.logs if part.exists else home_of(part) / "logs"


def _versions() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "distributions": {
            str(one.metadata["Name"]): one.version
            for one in sorted(distributions(), key=lambda one: str(one.metadata["Name"]))
        },
    }


def _definitions(place: Place, mask: Mask) -> object:
    """Return every definition, with a mask in place of secrets; or why they cannot be read."""
    try:
        with read_odb(place.odb_url) as snapshot:
            rows = [row for name, row in snapshot.rows() if name == "definition"]
    except HansaError as error:
        return {"error": mask.text(str(error))}
    return [
        {
            "kind": row["kind"],
            "type": row["type"],
            "name": row["name"],
            "revision": row["revision"],
            "settings": mask.value(json.loads(str(row["data"]))),
        }
        for row in rows
    ]


def _tail(path: Path) -> str:
    """Return the end of a log, from the beginning of a line."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        content = file.read()
    if size > TAIL:
        content = content.partition(b"\n")[2]
    return content.decode(errors="replace")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
