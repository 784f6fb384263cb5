"""What a Redis must fulfil, how facts are shown, and components as their folders describe them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time

import pytest
import yaml
from hansa_authority.description import describe
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_quickstart import readiness
from hansa_quickstart.component import SERVER, Component
from hansa_quickstart.console import troubles_of_workers
from hansa_quickstart.failure import Failure
from hansa_quickstart.info import facts_about, render
from hansa_quickstart.locks import exclusive
from hansa_quickstart.progress import Progress
from hansa_quickstart.redis_check import check_redis, redis_address, without_password
from hansa_quickstart.table import render_table
from hansa_redis.engine import find_program
from hypothesis import given, strategies as st


@pytest.fixture
def run_redis(tmp_path):
    """Run a server with some settings; gives its address."""
    started = []

    def run(*settings: str) -> str:
        port = free_port()
        command = [
            find_program(),
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            str(tmp_path),
            *settings,
        ]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))

        def listening():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listening, 20)
        return (
            f"redis://:pw@127.0.0.1:{port}/0"
            if "--requirepass" in settings
            else f"redis://127.0.0.1:{port}/0"
        )

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_what_keeps_everything_needs_no_warning(run_redis):
    address = run_redis("--appendonly", "yes", "--appendfsync", "always")
    assert check_redis(address, "durable") == []
    assert check_redis(address, None) == []


def test_what_may_lose_a_second_is_told(run_redis):
    (warning,) = check_redis(
        run_redis("--appendonly", "yes", "--appendfsync", "everysec"), "durable"
    )
    assert "up to a second" in warning


def test_what_may_lose_everything_is_refused_if_it_must_be_durable(run_redis):
    address = run_redis("--appendonly", "no")
    (warning,) = check_redis(address, "fast")
    assert "appendonly no" in warning
    assert check_redis(address, None) == [warning]
    with pytest.raises(Failure, match="appendonly yes"):
        check_redis(address, "durable")


def test_a_wrong_password_is_told_without_the_password(run_redis):
    address = run_redis("--requirepass", "pw")
    wrong = address.replace(":pw@", ":secret-word@")
    with pytest.raises(Failure) as failed:
        check_redis(wrong, None)
    assert "secret-word" not in failed.value.message
    with pytest.raises(Failure, match=r"redis://127\.0\.0\.1:1/0 cannot be used"):
        check_redis("redis://:secret-word@127.0.0.1:1/0", None)


@given(
    st.text(min_size=1, max_size=30),
    st.sampled_from(["localhost", "10.0.0.5", "::1"]),
    st.integers(1, 65535),
)
def test_any_password_survives_in_an_address(password, host, port):
    from redis.connection import parse_url

    try:
        password.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate cannot be typed
    found = parse_url(redis_address(host, port, password))
    assert (found["password"], found["host"], found["port"]) == (password, host, port)
    assert without_password(redis_address("h", port, password)) == f"redis://h:{port}/0"


# -- facts -----------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=80),
    st.integers(),
    st.booleans(),
    st.lists(st.integers()),
)


@given(
    st.dictionaries(st.text("abc_", min_size=1, max_size=40), VALUES, max_size=6),
    st.tuples(st.integers(5, 60), st.integers(5, 60)),
)
def test_a_table_is_a_rectangle_and_cuts_nothing(facts, widths):
    lines = render_table(facts, widths).splitlines()
    assert {len(line) for line in lines} == {sum(widths) + 7}
    cells = "".join(line.split("|")[1].strip() for line in lines if line.startswith("|"))
    for key in facts:
        assert key in cells


def test_formats_say_the_same(tmp_path):
    describe(tmp_path, SERVER)
    facts = facts_about(Component(tmp_path))
    assert (
        json.loads(render(facts, "json", (30, 30)))
        == facts
        == yaml.safe_load(render(facts, "yaml", (30, 30)))
    )
    assert facts["component_running"] is False
    assert facts["component_details"]["component"] == "SERVER"


# -- components ------------------------------------------------------------------------------------


def test_a_component_knows_only_its_own_process(tmp_path):
    describe(tmp_path, SERVER)
    component = Component(tmp_path)
    assert component.pid() is None
    with subprocess.Popen([shutil.which("sleep") or "sleep", "60"]) as process:
        component.note(process.pid)
        assert component.pid() == process.pid
        component.pidfile.write_text(f"{process.pid}\n1\n")
        assert component.pid() is None
        component.note(process.pid)
        process.kill()
        process.wait()
        assert component.pid() is None
        assert component.noted() is not None
    for nonsense in ("", "abc", "1", "1 2 3"):
        component.pidfile.write_text(nonsense)
        assert component.noted() is None


def test_what_ended_workers_while_a_server_starts_is_told(tmp_path):
    (tmp_path / ".hansa-info").write_text(json.dumps({"component": SERVER}))
    (tmp_path / "logs").mkdir()
    why = "worker 0 was not ready after 60 s while it started ['plugin y (hansa_startup)']"
    log = [
        "2026-11-30 02:00:00,000 - ERROR - 11:MainThread - hansa.supervisor - - - an earlier start",
        f"2026-11-30 02:57:58,363 - ERROR - 77:MainThread - hansa.supervisor - - - {why}",
        "2026-11-30 02:57:59,000 - INFO - 77:MainThread - hansa.supervisor - - - goes on",
        "2026-11-30 02:57:59,000 - ERROR - 78:MainThread - hansa.plugins - - - another plugin",
    ]
    (tmp_path / "logs/server.log").write_text("\n".join(log))
    server = Component(tmp_path)
    assert troubles_of_workers(server, 77) == f"\n  {log[1]}\n"
    assert troubles_of_workers(server, 78) == troubles_of_workers(server, None) == ""


def test_a_server_that_finds_what_its_workers_die_of_gets_more_time(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".hansa-info").write_text(json.dumps({"component": SERVER}))
    (tmp_path / "logs").mkdir()
    server = Component(tmp_path)
    server.note(os.getpid())
    monkeypatch.setattr(readiness, "START_LIMIT", 0.1)
    began = time.monotonic()

    def log_late() -> None:
        if 0.05 < time.monotonic() - began < 0.1:
            line = f"- ERROR - {os.getpid()}:MainThread - hansa.supervisor - - - y hangs"
            (tmp_path / "logs/server.log").write_text(line)

    with pytest.raises(Failure, match=r"does not answer after 0\.1 s\.\n  .* y hangs"):
        readiness.wait_ready(server, None, Progress(1), log_late)
    assert time.monotonic() - began > 0.2


def test_two_commands_at_once_are_kept_apart(tmp_path):
    with exclusive(tmp_path), pytest.raises(Failure, match="another command"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


def test_faults_of_a_configuration_name_file_and_key(tmp_path):
    describe(tmp_path, SERVER)
    component = Component(tmp_path)
    with pytest.raises(Failure, match=r"config\.toml cannot be read"):
        component.section("http")
    component.config.write_text('[redis]\naddress = { "$file" = "/no/such/file" }\n')
    with pytest.raises(Failure, match=r"config\.toml: redis\.address: cannot read"):
        component.section("redis")
    component.config.write_text("[redis\n")
    with pytest.raises(Failure, match="not valid TOML"):
        component.section("redis")
