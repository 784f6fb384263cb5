"""What the next start of servers does with what is installed: whether they can start, and how the ODB
is upgraded. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from hansa import Finding, HansaError, Invalid, check_plugins, read_odb
from hansa_quickstart.place import Place, home_of

_MEND: Final = "correct it, or install what fits, before servers are restarted"
_BACK: Final = (
    "hansa backup create PATH FILE first: an older version refuses an ODB that was upgraded"
)


def check_upgrade(place: Place) -> Iterator[Finding]:
    """Yield what is installed, each fault that keeps a server from starting with it, and what becomes
    of the ODB.
    """
    yield Finding("ok", f"Hansa {version('hansa')} is installed")
    yield from _plugins(place)
    yield from _odb(place)


def _plugins(place: Place) -> Iterator[Finding]:
    for server in place.servers:
        try:
            check_plugins(server.config, home_of(server))
        except Invalid as invalid:
            for name, why in invalid.errors.items():
                yield Finding("fault", f"{name}: {why}" if name else why, _MEND)
        else:
            text = f"{server.folder.name} can load its plugins and its configuration"
            yield Finding("ok", text)


def _odb(place: Place) -> Iterator[Finding]:
    try:
        with read_odb(place.odb_url) as snapshot:
            there, newest = snapshot.version, snapshot.newest
            revision, rows = snapshot.revision, sum(1 for _ in snapshot.rows())
    except HansaError as error:
        why = "; ".join(error.errors.values()) if isinstance(error, Invalid) else str(error)
        yield Finding("fault", f"the ODB cannot be read: {why}", "start the database")
        return
    if there > newest:
        text = f"the ODB has the schema {there} of a newer Hansa; this one knows up to {newest}"
        yield Finding("fault", text, "install the newer one, or restore a backup of before")
    elif there < newest:
        text = (
            f"the schema of the ODB goes from {there} to {newest}, {rows} rows at revision "
            f"{revision}: the first server that starts does it, others wait for it"
        )
        yield Finding("warning", text, _BACK)
    else:
        yield Finding("ok", f"the schema of the ODB stays {there}, at revision {revision}")
