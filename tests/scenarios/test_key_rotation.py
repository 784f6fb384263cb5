"""The rotation of the key, interrupted after each of its steps: nothing is unreadable at any
moment, and running it again completes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hansa import Invalid, KeyFile, replace_file
from hansa.cluster.cluster import Cluster
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import Edit, HeldKeys
from hansa.definitions.edit import CheckedEdit
from hansa.definitions.store import DefinitionStore
from hansa.odb.engine import open_engine
from hansa.odb.key_check import adopt_keys, stored_fingerprint
from hansa.odb.keys import Keys, load_keys
from hansa.odb.migrations.schema import create_schema
from hansa_cli.client import Client
from hansa_cli.key_rotation import KeyRotation, Stopped
from hansa_cli.location import Located
from hansa_cli.plain import JsonObject

from tests.core.stores import Stores

SERVERS = ("a", "b")
KEY = ("outgoing", "sql", "x")
MOST_STEPS = 40


class Interrupted(Exception):
    """The command was killed."""


class Steps:
    """Counts what the command does, and kills it after so many."""

    def __init__(self, allowed: int = MOST_STEPS) -> None:
        self.left = allowed

    def done(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Interrupted


class Running(Client):
    """Two servers of a cluster in folders, which answer as `admin.key` does; `steps` counts each
    call and each change of a file.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(Located("http://x", "a test"), None)
        self.folder = folder
        engine = open_engine(f"sqlite:///{folder / 'odb.sqlite'}")
        create_schema(engine)
        self.stores = Stores.over(engine)
        self.hosts = dict.fromkeys(SERVERS, "here")
        self.given: dict[str, str] = {}
        self.steps = Steps()
        text = KeyFile.new_key() + "\n"
        for name in SERVERS:
            (folder / name).mkdir()
            self.file(name).write_text(text)
        self.restart()
        self.token = self.keys["a"].encrypt("s")
        self.store("a", self.token)

    def file(self, name: str) -> Path:
        return self.folder / name / "secret.key"

    def start(self, name: str) -> Keys:
        """What a server does when it starts; raises `Invalid` if it would not."""
        keys = load_keys(self.folder / name, self.given.get(name))
        adopt_keys(self.stores.database, keys)
        return keys

    def restart(self) -> None:
        """Start both servers anew."""
        self.keys = {name: self.start(name) for name in SERVERS}
        bus = OdbBus(self.stores.engine)
        self.cluster = Cluster("c", self.stores.database, self.keys["a"], bus, self.wake)

    def store(self, name: str, token: dict[str, str]) -> None:
        edit = CheckedEdit(Edit(KEY, {"password": token}))
        DefinitionStore(self.stores.database, self.keys[name]).change([edit], lambda one: True)

    def secret(self, keys: Keys) -> str:
        record = self.stores.definitions.get(*KEY)
        assert record is not None
        return keys.decrypt(record.data["password"]["$encrypted"])

    def wake(self) -> None:
        """Have each server look at the ODB and report, as its workers do."""
        current = stored_fingerprint(self.stores.database)
        revision = self.stores.database.revision()
        for name, keys in self.keys.items():
            assert keys.follow(current)
            held = HeldKeys(keys.fingerprints, str(keys.file or ""))
            self.stores.reports.report(f"{name}/0.1", name, revision, keys=held)

    def call(self, service: str, data: Mapping[str, object] | None = None) -> JsonObject:
        self.steps.done()
        self.wake()
        if service == "admin.key.use":
            applied = self.cluster.use_key(str(dict(data or {})["fingerprint"]))
            self.steps.done()
            return {"pending": applied.pending}
        servers = [
            {
                "name": report.server,
                "host": self.hosts[report.server],
                "file": report.keys.file if report.keys else "",
                "keys": report.keys.fingerprints if report.keys else [],
            }
            for report in self.cluster.reports().values()
        ]
        return {"current": self.cluster.current_key(), "servers": servers}


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    made = Running(tmp_path)
    replace: Callable[..., None] = replace_file

    def counted(*arguments: object, **options: object) -> None:
        made.steps.done()
        replace(*arguments, **options)
        made.steps.done()

    monkeypatch.setattr("hansa.odb.key_file.replace_file", counted)
    return made


def reads(keys: Keys, token: dict[str, str]) -> bool:
    """Whether one of these keys has encrypted a secret."""
    try:
        return keys.decrypt(token["$encrypted"]) == "s"
    except Invalid:
        return False


def rotate(running: Running, given: Path | None = None) -> list[str]:
    """Run the command, and return what it says."""
    said: list[str] = []
    KeyRotation(running, said.append, limit=1.0).run(given)
    return said


def test_it_may_end_after_any_step(running: Running):
    steps = 0
    while True:
        running.steps = Steps(steps)
        before = running.file("a").read_text(), running.file("b").read_text()
        try:
            rotate(running)
        except Interrupted:
            pass
        else:
            break
        running.steps = Steps()
        for name in SERVERS:
            assert running.secret(running.start(name)) == "s", (
                f"{steps}: a start finds all readable"
            )
        running.wake()
        for name in SERVERS:
            assert running.secret(running.keys[name]) == "s"
            running.store(name, running.keys[name].encrypt("s"))
        rotate(running)
        files = {running.file(name).read_text() for name in SERVERS}
        assert len(files) == 1 and "," not in files.pop()
        assert before != (running.file("a").read_text(), running.file("b").read_text())
        steps += 1
        assert steps < MOST_STEPS
    assert steps > 10
    first = next(
        path
        for path in running.folder.glob("a/secret.key.old-*")
        if reads(Keys(path.read_text()), running.token)
    )
    with pytest.raises(Invalid):
        Keys(running.file("a").read_text()).decrypt(running.token["$encrypted"])
    # a backup of before: with the old key behind the present one
    both = running.file("a").read_text().strip() + "," + first.read_text()
    assert Keys(both).decrypt(running.token["$encrypted"]) == "s"


def test_servers_on_two_machines(running: Running, tmp_path: Path):
    hidden = tmp_path / "b" / "hidden"
    running.file("b").rename(hidden)
    with pytest.raises(Stopped) as caught:
        rotate(running)
    assert "b on here: run `hansa key rotate --from COPY` there" in str(caught.value)
    old = running.cluster.current_key()
    copy = tmp_path / "copy"
    copy.write_text(running.file("a").read_text())
    away = tmp_path / "a" / "hidden"
    hidden.rename(running.file("b"))
    running.file("a").rename(away)
    with pytest.raises(Stopped, match="a on here has a new key already"):
        rotate(running)
    said = rotate(running, copy)
    assert running.cluster.current_key() != old
    assert "a still has the old key: run `hansa key rotate` on here" in said
    away.rename(running.file("a"))
    assert rotate(running)[0] == "an earlier rotation is finished"
    running.wake()
    assert [keys.fingerprints for keys in running.keys.values()] == [
        [running.cluster.current_key()]
    ] * 2


def test_two_at_once_do_not_take_each_others_key(running: Running, tmp_path: Path):
    with (
        KeyFile(running.file("b")).alone(),
        pytest.raises(Invalid, match="another command is changing"),
    ):
        rotate(running)
    running.steps = Steps(4)
    with pytest.raises(Interrupted):
        rotate(running)
    running.steps = Steps()
    other = tmp_path / "other"
    other.write_text(KeyFile.new_key())
    with pytest.raises(Stopped, match="is not the new key that servers have already"):
        rotate(running, other)
    rotate(running)


def test_keys_in_the_configuration(running: Running):
    old = running.file("a").read_text().strip()
    running.given = dict.fromkeys(SERVERS, old)
    running.restart()
    with pytest.raises(Stopped, match=r"a, b: the key is in the configuration .* as NEW,OLD"):
        rotate(running)
    new = KeyFile.new_key()
    running.given = dict.fromkeys(SERVERS, f"{new},{old}")
    running.restart()
    said = rotate(running)
    assert running.cluster.current_key() == KeyFile.fingerprint_of(new)
    assert "leave the new key alone in its configuration" in said[-1]
    running.given = dict.fromkeys(SERVERS, new)
    assert running.secret(running.start("b")) == "s"
