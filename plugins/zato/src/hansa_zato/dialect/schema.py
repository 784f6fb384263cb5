"""JSON Schema on services: `schema = "order.json"` has each payload checked before the service runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from hansa import Invalid, Misused, Unavailable

from ..payloads import PlainDict
from ..section import ZatoSection
from ..sio.models import plain

if TYPE_CHECKING:
    from hansa import Server
    from jsonschema.protocols import Validator
    from referencing import Resource

    from .service import Service

Check: TypeAlias = Callable[[object], None]
"""Raises `Invalid` with all faults of a payload by their place."""
MOST_FAULTS: Final = 100
"""Faults that a caller learns of."""
ENDING: Final = ".json"
NEEDS: Final = "needs jsonschema: pip install 'hansa-zato[schema]'"


def schema_check(cls: type[Service], server: Server) -> Check | None:
    """Return what checks the payloads of a service; None if it names no schema.

    The name of its file is relative to `[zato] schema_dir`. A file that has changed is read again.
    """
    named = getattr(cls, "schema", None)
    if not isinstance(named, str) or not named.endswith(ENDING):
        return None
    folder = Path(server.dir) / server.section(ZatoSection).schema_dir
    return SchemaFile(folder / named, folder).check


class SchemaFile:
    """The schema in one file; `$ref` reaches other files of its folder, and nothing else."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._lock = threading.Lock()
        self._read: tuple[int, Validator] | None = None

    def check(self, payload: object) -> None:
        """Check a payload; raises `Invalid` with its faults, and `Misused` for a schema that cannot
        be used.
        """
        try:
            from jsonschema.exceptions import SchemaError  # lazy: few services have a schema
            from referencing.exceptions import Unresolvable
        except ImportError:
            raise Unavailable(f"the schema {self._file.name} {NEEDS}") from None
        faults: dict[str, str] = {}
        try:
            for error in self._validator().iter_errors(plain(payload)):
                place = ".".join(str(part) for part in error.absolute_path)
                before = f"{faults[place]}; " if place in faults else ""
                faults[place] = before + error.message
                if len(faults) == MOST_FAULTS:
                    break
        except (SchemaError, Unresolvable, OSError, ValueError, RecursionError) as error:
            raise Misused(f"the schema {self._file.name} cannot be used: {error}") from None
        if faults:
            raise Invalid(faults)

    def _validator(self) -> Validator:
        """Return what checks by the file as it is now."""
        changed = self._file.stat().st_mtime_ns
        with self._lock:
            if self._read is None or self._read[0] != changed:
                self._read = (changed, self._made())
            return self._read[1]

    def _made(self) -> Validator:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        schema = _loaded(self._file)
        cls = validator_for(schema, Draft202012Validator)
        cls.check_schema(schema)
        # an address of its own, from which others are found by their names
        base = DRAFT202012.create_resource(schema)
        retrieve = partial(_resource, self._folder)
        known = Registry(retrieve=retrieve)  # type: ignore[call-arg] # an alias of attrs
        registry = known.with_resource("", base)
        made: Validator = cls(schema, registry=registry)
        return made


def _resource(folder: Path, name: str) -> Resource[object]:
    """Return the schema that a `$ref` names; raises ValueError for one outside of the folder."""
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ValueError(f"$ref {name!r} is not in the folder {folder.name}")
    return Resource.from_contents(_loaded(file), default_specification=DRAFT202012)


def _loaded(file: Path) -> PlainDict:
    found = json.loads(file.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("a schema is an object")
    return found
