"""Real folders, real copies: what is deployed, how soon, how often, and what the log says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
from hansa import Conflict, Unavailable
from hansa_devkit.harness.waiting import wait_until
from hansa_pickup import deployer, plugin

from plugins.pickup.tests.support import GOOD, Facade


def settle(seconds: float = 0.4) -> None:
    """Give what must not happen the time in which it would happen."""
    time.sleep(seconds)


def write(path, text) -> float:
    path.write_text(text)
    return time.monotonic()


def test_a_copy_is_deployed_at_once(facade, folder, start, lines, tmp_path):
    start(facade)
    source = tmp_path / "source.py"
    delays = []
    for number in range(10):
        source.write_text(GOOD.format(number=number))
        subprocess.run(["cp", source, folder / "my_service.py"], check=True)
        began = time.monotonic()
        wait_until(lambda number=number: len(facade.calls) == number + 1)
        delays.append(facade.calls[-1][2] - began)
    assert sorted(delays)[len(delays) // 2] < 0.1
    assert [source for _, source, _ in facade.calls] == [
        GOOD.format(number=number) for number in range(10)
    ]
    wait_until(lambda: len(lines()) == 10)
    assert lines() == [
        f"picked up my_service.py: version {number} with my-service.get" for number in range(1, 11)
    ]


def test_a_rename_into_the_folder_is_deployed(facade, folder, start, tmp_path):
    start(facade)
    source = tmp_path / "new.py"
    source.write_text(GOOD.format(number=1))
    os.replace(source, folder / "my_service.py")
    wait_until(lambda: facade.calls)
    assert facade.called == ["my_service.py"]


def test_an_error_is_one_line_with_file_and_line_and_is_told_again_for_a_new_copy(
    facade, folder, start, lines
):
    start(facade)
    path = folder / "my_service.py"
    expected = "my_service.py is not deployed: my_service.py, line 2: SyntaxError: invalid syntax"
    for number in range(1, 3):
        path.write_text("x = 1\nclass\n")
        wait_until(lambda number=number: len(lines()) == number)
    settle()
    assert lines("ERROR") == [expected] * 2
    path.write_text(GOOD.format(number=1))
    wait_until(lambda: len(lines()) == 3)
    assert lines()[-1] == "picked up my_service.py: version 1 with my-service.get"


def test_a_file_written_in_pieces_is_deployed_once_and_whole(facade, folder, start, lines):
    start(facade)
    text = GOOD.format(number=7)
    with open(folder / "my_service.py", "w") as file:
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()
            time.sleep(0.06)
    wait_until(lambda: facade.calls)
    settle()
    assert [source for _, source, _ in facade.calls] == [text]
    assert lines("ERROR") == []


def test_a_half_that_was_closed_is_waited_for(facade, folder, start, lines):
    start(facade)
    text = GOOD.format(number=7)
    path = folder / "my_service.py"
    path.write_text(text[: len(text) - 12])
    time.sleep(0.1)
    path.write_text(text)
    wait_until(lambda: facade.calls)
    settle()
    assert [source for _, source, _ in facade.calls] == [text]
    assert lines("ERROR") == []


def test_many_files_at_once(facade, folder, start):
    start(facade)
    for number in range(200):
        (folder / f"service_{number}.py").write_text(GOOD.format(number=number))
    wait_until(lambda: len(facade.stored) >= 200, 20)
    settle()
    assert sorted(one["file"] for one in facade.stored) == sorted(
        f"service_{number}.py" for number in range(200)
    )
    assert {one["version"] for one in facade.stored} == {1}


def test_the_same_content_again_and_changed_modes_deploy_nothing(facade, folder, start):
    start(facade)
    path = folder / "my_service.py"
    path.write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)
    path.write_text(GOOD.format(number=1))
    path.chmod(0o640)
    os.utime(path)
    settle()
    assert len(facade.calls) == 1


def test_a_copy_after_a_rollback_deploys_again_but_the_file_itself_does_not(facade, folder, start):
    start(facade)
    path = folder / "my_service.py"
    for number in (1, 2):
        path.write_text(GOOD.format(number=number))
        wait_until(lambda number=number: len(facade.calls) == number)
    facade.set_current("my_service.py", 1)
    path.chmod(0o640)
    settle()
    assert len(facade.calls) == 2
    path.write_text(GOOD.format(number=2))
    wait_until(lambda: len(facade.calls) == 3)


def test_removing_a_file_takes_nothing_out_of_service(facade, folder, start, lines):
    start(facade)
    path = folder / "my_service.py"
    path.write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)
    path.unlink()
    settle()
    assert len(lines()) == 1
    path.write_text(GOOD.format(number=2))
    wait_until(lambda: len(facade.calls) == 2)


def test_at_the_start_only_what_changed_meanwhile_is_deployed(facade, folder, start):
    first = start(facade)
    for name in ("same", "rolled_back", "changed", "changed_back"):
        (folder / f"{name}.py").write_text(GOOD.format(number=1))
    wait_until(lambda: len(facade.stored) == 4)
    for name in ("rolled_back", "changed_back"):
        (folder / f"{name}.py").write_text(GOOD.format(number=2))
    wait_until(lambda: len(facade.stored) == 6)
    first.stop()
    facade.set_current("rolled_back.py", 1)
    for name, number in (("new", 1), ("changed", 3), ("changed_back", 1)):
        (folder / f"{name}.py").write_text(GOOD.format(number=number))
        os.utime(folder / f"{name}.py", (time.time() + 1,) * 2)
    del facade.calls[:], facade.stored[:-6]
    start(facade)
    wait_until(lambda: len(facade.stored) == 9)
    settle()
    assert sorted(one["file"] for one in facade.stored[6:]) == [
        "changed.py",
        "changed_back.py",
        "new.py",
    ]


def test_what_failed_because_something_was_down_is_tried_again(
    facade, folder, start, lines, monkeypatch
):
    monkeypatch.setattr(deployer, "RETRY", 0.2)
    start(facade)
    facade.failures += [
        Unavailable("the ODB is down"),
        Unavailable("the ODB is down"),
        OSError("disk full"),
    ]
    (folder / "my_service.py").write_text(GOOD.format(number=1))
    wait_until(lambda: len(lines()) == 3)
    assert lines() == [
        "my_service.py is not deployed yet, trying again: the ODB is down",
        "my_service.py is not deployed yet, trying again: unexpected OSError: disk full",
        "picked up my_service.py: version 1 with my-service.get",
    ]


def test_another_refusal_is_one_line_too(facade, folder, start, lines):
    start(facade)
    facade.failures.append(Conflict("the service x is already given by y.py"))
    (folder / "my_service.py").write_text(GOOD.format(number=1))
    wait_until(lines)
    settle()
    assert lines() == ["my_service.py is not deployed: the service x is already given by y.py"]


def test_a_folder_that_is_replaced_is_watched_again(facade, folder, start, caplog):
    start(facade)
    shutil.rmtree(folder)
    wait_until(lambda: caplog.text.count("watching") == 2)
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "my_service.py").write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)


def test_more_folders(tmp_path, start):
    extra = tmp_path / "extra"
    extra.mkdir(mode=0o755)
    facade = Facade(tmp_path / "server", extra=[str(extra)])
    start(facade)
    (extra / "a.py").write_text(GOOD.format(number=1))
    (tmp_path / "server" / "pickup" / "b.py").write_text(GOOD.format(number=1))
    wait_until(lambda: len(facade.stored) == 2)
    assert sorted(one["file"] for one in facade.stored) == ["a.py", "b.py"]


def test_polling_finds_changes_as_well(tmp_path, start):
    facade = Facade(tmp_path, polling=True)
    start(facade)
    (tmp_path / "pickup" / "a.py").write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)


HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {top!r})
from plugins.pickup.tests.support import Facade
from hansa_pickup.watcher import Watcher
import logging
logging.basicConfig(stream=sys.stdout)
logging.getLogger("hansa.pickup").setLevel(logging.INFO)
facade = Facade(Path(sys.argv[1]))
Watcher(facade, facade.settings).start()
time.sleep(60)
"""


def test_one_of_two_watches_and_the_other_takes_over_when_it_is_killed(
    facade, folder, start, tmp_path, caplog
):
    top = os.fspath(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
    command = [sys.executable, "-u", "-c", HOLDER.format(top=top), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            while "watching" not in holder.stdout.readline():
                assert holder.poll() is None
            start(facade, ready=False)
            (folder / "my_service.py").write_text(GOOD.format(number=1))
            assert "picked up my_service.py" in holder.stdout.readline()
            settle()
            assert facade.calls == []
        finally:
            holder.kill()
    # the other has its own list, in which nothing was deployed yet
    wait_until(lambda: facade.calls)
    assert "watching" in caplog.text


def test_hooks(tmp_path):
    facade = Facade(tmp_path)
    facade.watcher = plugin.hansa_startup(facade.as_server)
    plugin.hansa_serve(facade.as_server)
    (tmp_path / "pickup").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "pickup" / "a.py").write_text(GOOD.format(number=1))
    wait_until(lambda: facade.calls)
    plugin.hansa_drain(facade.as_server)
    (tmp_path / "pickup" / "b.py").write_text(GOOD.format(number=1))
    settle()
    assert facade.called == ["a.py"]
    plugin.hansa_shutdown(facade.as_server)


def test_it_can_be_switched_off(tmp_path):
    facade = Facade(tmp_path, enabled=False)
    facade.watcher = plugin.hansa_startup(facade.as_server)
    plugin.hansa_serve(facade.as_server)
    settle(0.1)
    plugin.hansa_shutdown(facade.as_server)
    assert not (tmp_path / "pickup").exists()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_folder_others_may_write_to_is_refused_with_one_line(facade, folder, start, lines, mode):
    folder.chmod(mode)
    start(facade, ready=False)
    (folder / "my_service.py").write_text(GOOD.format(number=1))
    wait_until(lines)
    settle(1.5)
    assert facade.calls == []
    assert len(lines("ERROR")) == 1
    assert "chmod go-w" in lines()[0]
    folder.chmod(0o700)
    wait_until(lambda: facade.calls)


def test_a_folder_that_becomes_writable_for_others_is_refused_at_once(facade, folder, start, lines):
    start(facade)
    folder.chmod(0o777)
    (folder / "my_service.py").write_text(GOOD.format(number=1))
    wait_until(lines)
    settle(1.5)
    assert facade.calls == []
    assert all("written to by its group or by everybody" in line for line in lines())


def test_a_link_in_place_of_the_folder_is_refused(facade, tmp_path, start, lines):
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "pickup").symlink_to(real)
    (real / "my_service.py").write_text(GOOD.format(number=1))
    start(facade, ready=False)
    wait_until(lines)
    assert facade.calls == []
    assert "which is a link" in lines()[0]
