"""What the configuration file has declared is not declared again by another key of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hansa.contract.records import Edit, Key
from hansa.definitions.edit import CheckedEdit
from hansa.definitions.store import DefinitionStore
from hansa.odb.key_check import adopt_keys
from hansa.odb.key_file import KeyFile
from hansa.odb.key_rotation import rotate
from hansa.odb.keys import Keys
from hansa.process.declared import declare, declare_again

from tests.core.stores import Stores

OLD, NEW = KeyFile.new_key(), KeyFile.new_key()
KEY: Key = ("outgoing", "sql", "a")


class Declaring:
    """A server with one definition in its configuration file; `made` are the edits it has made."""

    def __init__(self, store: DefinitionStore) -> None:
        self.made: list[Edit] = []
        self.config = SimpleNamespace(
            path=Path("config.toml"),
            services=SimpleNamespace(files=[]),
            definitions=[(*KEY, {"user": "s"})],
            refuse=lambda faults: None,
        )
        self.packages = SimpleNamespace(deploy=lambda files, **options: None)
        self.definitions = SimpleNamespace(store=store, change=self._change)

    def _change(self, edits: Sequence[Edit], **options: object) -> None:
        self.made += edits
        self.definitions.store.change([CheckedEdit(edit) for edit in edits], lambda one: True)


def test_a_rotation_of_the_key_makes_nothing_declared_again(store: Stores):
    both = Keys(f"{NEW},{OLD}")
    adopt_keys(store.database, both)
    server: Any = Declaring(DefinitionStore(store.database, both))
    declare(server, both)
    assert [edit.key for edit in server.made] == [KEY]
    rotate(store.database, both, KeyFile.fingerprint_of(NEW))
    assert both.follow(KeyFile.fingerprint_of(NEW))
    declare_again(server, both)
    declare(server, Keys(NEW))
    assert len(server.made) == 1
    server.config.definitions = [(*KEY, {"user": "other"})]
    declare_again(server, both)
    declare(server, Keys(NEW))
    assert len(server.made) == 2, "what has changed in the file is"
