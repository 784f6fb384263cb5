"""What the configuration file declares goes into the store when a server starts: what is new in it,
or has changed since.
"""

from __future__ import annotations

import hashlib
import json

from ..contract.records import Edit, Key
from ..foundation.errors import HansaError, Invalid
from ..odb.keys import Keys
from ..runtime.server import WorkerServer


def declare(server: WorkerServer, keys: Keys) -> None:
    """Deploy the files and make the definitions of config.toml; raises `Invalid` with all faults by
    the file and its key.
    """
    known = server.definitions.store.declared()
    faults = {**_deploy_files(server, known), **_define(server, known, keys)}
    server.config.refuse(faults)


def _deploy_files(server: WorkerServer, known: dict[Key, str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    files: dict[str, str] = {}
    folder = server.config.path.parent
    for file in server.config.services.files:
        path = (folder / file).resolve()
        try:
            source = path.read_text()
        except (OSError, ValueError) as error:
            faults[f"services.files: {file}"] = str(error)
            continue
        digest = hashlib.sha256(source.encode()).hexdigest()
        if known.get(("service", "package", path.name)) != digest:
            files[path.name] = source
    try:
        server.packages.deploy(files, declared=True, by=server.config.path.name, wait=False)
    except HansaError as error:
        faults["services.files"] = str(error)
    return faults


def _define(server: WorkerServer, known: dict[Key, str], keys: Keys) -> dict[str, str]:
    edits = []
    for kind, type, name, data in server.config.definitions:
        content = _content(data)
        if not keys.verify(known.get((kind, type, name), ""), content):
            edits.append(Edit((kind, type, name), data, declared=keys.sign(content)))
    try:
        if edits:
            server.definitions.change(edits, by=server.config.path.name, wait=False)
    except Invalid as invalid:
        return invalid.errors
    except HansaError as error:
        return {"": error.detail}
    return {}


def declare_again(server: WorkerServer, keys: Keys) -> None:
    """Have the digests of what the configuration file has declared be made with the current key,
    while the one that made them is still there.
    """
    digests: dict[Key, str] = {}
    known = server.definitions.store.declared() if server.config.definitions else {}
    for kind, type, name, data in server.config.definitions:
        content = _content(data)
        stored = known.get((kind, type, name), "")
        if stored != keys.sign(content) and keys.verify(stored, content):
            digests[kind, type, name] = keys.sign(content)
    if digests:
        server.definitions.store.declare_again(digests)


def _content(data: object) -> bytes:
    """Return what the digest of a declaration is made of: keyed, since a bare one would let a short
    secret be guessed from the database.
    """
    return json.dumps(data, sort_keys=True, default=str).encode()
