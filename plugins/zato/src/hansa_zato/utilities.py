"""What services import from `zato.common.util` beyond names and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .constants import DATA_FORMAT
from .dialect.userconfig import read_ini
from .payloads import Value
from .sio import xml

if TYPE_CHECKING:
    from hansa import Server


def payload_from_request(
    cid: str, request: Value, data_format: str | None, transport: str | None = None
) -> Value:
    """Return what a message is in a format: JSON as plain data, XML and SOAP as an element of
    lxml.objectify, of SOAP the first one in its body; any other as it is.

    Raises ValueError for a message that is not in its format.
    """
    if not request or xml.is_element(request) or isinstance(request, dict | list):
        return request
    if data_format == DATA_FORMAT.JSON:
        return json.loads(request)
    if data_format != DATA_FORMAT.XML and transport != "soap":
        return request
    from .dialect.request import objectified
    from .messages.elements import find, root_of

    root = root_of(request)
    if transport != "soap":
        return objectified(root)
    found = find(root, "*[local-name() = 'Body']/*", _no_namespace)
    if not found:
        raise ValueError(f"the message has no SOAP body, or nothing in it (CID: {cid})")
    return objectified(found[0])


def _no_namespace(prefix: str) -> str:
    raise KeyError(prefix)


def get_config(repo_location: str, config_name: str, bunchified: bool = True) -> Value:
    """Return an INI file of a folder by section and key, with attribute access if `bunchified`.

    Raises `hansa.Unavailable` for one that cannot be read.
    """
    found = read_ini(Path(repo_location) / config_name)
    return found if bunchified else found.toDict()


def hot_deploy(
    parallel_server: Server,
    file_name: str,
    path: str,
    delete_path: bool = True,
    notify: bool = True,
) -> int:
    """Deploy a file of services to the whole cluster, and return the revision.

    Then the file is deleted, unless `delete_path` is off. Raises `hansa.Invalid` with the errors
    of the source and their lines.
    """
    file = Path(path)
    found = parallel_server.packages.deploy(
        {file_name: file.read_text(encoding="utf-8")}, by="zato.common.util.hot_deploy"
    )
    if delete_path:
        file.unlink()
    return found.revision
