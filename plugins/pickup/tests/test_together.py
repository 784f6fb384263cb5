"""What belongs together: packages, archives, and files that import each other, in any order and
however they are copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import zipfile

from hansa_devkit.harness.waiting import wait_until
from hansa_pickup import deployer

from plugins.pickup.tests.support import GOOD

USES = "from deployed_rates.tables import {name}\n" + GOOD.format(number=1)


def make(top, files):
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


RATES = {
    "deployed_rates/__init__.py": "",
    "deployed_rates/tables.py": "ONE = 1\n",
    "deployed_rates/deep/__init__.py": "",
    "deployed_rates/deep/more.py": "X = 1\n",
}


def test_a_package_is_deployed_whole_and_as_one(facade, folder, start, lines, tmp_path):
    start(facade)
    make(tmp_path / "source", {**RATES, "deployed_rates/table.csv": "1,2"})
    subprocess.run(["cp", "-r", tmp_path / "source/deployed_rates", folder], check=True)
    wait_until(lambda: facade.deployed() == RATES)
    wait_until(lines)
    assert lines() == [
        "picked up deployed_rates: version 1; left out, as only Python is deployed: deployed_rates/table.csv"
    ]
    for number, path in enumerate(("deployed_rates/tables.py", "deployed_rates/deep/more.py"), 2):
        (folder / path).write_text(f"ONE = {number}\n")
        wait_until(
            lambda path=path, number=number: facade.deployed().get(path) == f"ONE = {number}\n"
        )
    make(
        folder,
        {
            "deployed_rates/other/__init__.py": "",
            "deployed_rates/other/deeper/__init__.py": "A = 1",
        },
    )
    wait_until(lambda: facade.deployed().get("deployed_rates/other/deeper/__init__.py") == "A = 1")
    (folder / "deployed_rates/other/deeper/__init__.py").write_text("A = 2")
    wait_until(lambda: facade.deployed().get("deployed_rates/other/deeper/__init__.py") == "A = 2")
    shutil.rmtree(folder / "deployed_rates/other")
    wait_until(lambda: "deployed_rates/other/__init__.py" not in facade.deployed())
    versions = len(facade.stored)
    (folder / "deployed_rates/__pycache__").mkdir()
    (folder / "deployed_rates/__pycache__/x.py").touch()
    shutil.rmtree(folder / "deployed_rates")
    time.sleep(0.8)
    assert len(facade.stored) == versions, "removing it takes nothing out of service"
    assert lines("ERROR") == []


def test_a_package_that_is_copied_slowly_is_waited_for(facade, folder, start, lines, monkeypatch):
    # a busy machine may take longer between two files than it waits for the next one
    monkeypatch.setattr(deployer, "SETTLE", 2.0)
    start(facade)
    for path, text in sorted(RATES.items(), reverse=True):
        make(folder, {path: text})
        time.sleep(0.15)
    wait_until(lambda: facade.deployed() == RATES)
    assert [one["version"] for one in facade.stored] == [1]
    assert lines("ERROR") == []


def test_a_folder_that_is_no_package_is_told_if_it_has_python_in_it(facade, folder, start, lines):
    start(facade)
    make(folder, {"docs/readme.txt": "", "scripts/x.py": "", ".git/x.py": "", "my-lib/x.py": ""})
    wait_until(lambda: len(lines()) == 2)
    assert sorted(lines()) == [
        "my-lib is not picked up: it needs a name of letters, digits and _",
        "scripts is not picked up: it has no __init__.py, and so is no package",
    ]
    make(folder, {"scripts/__init__.py": ""})
    wait_until(lambda: "scripts/x.py" in facade.deployed())


def test_a_link_in_a_package_is_refused_and_not_followed(facade, folder, start, lines, tmp_path):
    start(facade)
    make(tmp_path, {"secret/x.py": "SECRET = 1"})
    make(folder, RATES)
    wait_until(lambda: facade.deployed() == RATES)
    os.symlink(tmp_path / "secret", folder / "deployed_rates/linked")
    wait_until(lines)
    wait_until(lambda: len(lines("ERROR")) == 1)
    assert lines("ERROR") == [
        "deployed_rates is not picked up: it holds the link deployed_rates/linked"
    ]
    assert facade.deployed() == RATES


def test_in_whatever_order_they_come(facade, folder, start, lines, tmp_path, monkeypatch):
    # on a busy machine even cp takes its time between two files
    monkeypatch.setattr(deployer, "SETTLE", 3.0)
    start(facade)
    make(
        tmp_path / "source",
        {
            "aa.py": "from deployed_zz import X\n" + GOOD.format(number=1),
            "deployed_zz.py": "X = 1\n",
        },
    )
    subprocess.run(
        ["cp", tmp_path / "source/aa.py", tmp_path / "source/deployed_zz.py", folder], check=True
    )
    wait_until(lambda: len(facade.deployed()) == 2)
    time.sleep(0.5)
    assert lines("ERROR") == []
    (folder / "aa.py").write_text("from deployed_zz import Y\n" + GOOD.format(number=1))
    time.sleep(0.15)
    (folder / "deployed_zz.py").write_text("Y = 1\n")
    wait_until(lambda: facade.deployed()["deployed_zz.py"] == "Y = 1\n")
    wait_until(lambda: "import Y" in facade.deployed()["aa.py"])
    assert lines("ERROR") == []


def test_what_waits_for_another_is_told_once_and_deployed_when_that_comes(
    facade, folder, start, lines
):
    start(facade)
    (folder / "uses.py").write_text(USES.format(name="ONE"))
    wait_until(lines)
    time.sleep(0.5)
    assert lines() == [
        "uses.py is not deployed: uses.py, line 1: ImportError: of deployed_rates.tables"
    ]
    (folder / "other.py").write_text(GOOD.format(number=1))
    wait_until(lambda: len(lines()) == 2)
    make(folder, RATES)
    wait_until(lambda: len(lines("INFO")) == 3)
    assert "uses.py" in facade.deployed()
    assert len(lines("ERROR")) == 1
    assert sorted(lines("INFO")) == [
        "picked up deployed_rates: version 1",
        "picked up other.py: version 1 with other.get",
        "picked up uses.py: version 1 with uses.get",
    ]


def test_one_that_is_wrong_holds_up_no_other(facade, folder, start, lines):
    for number in range(5):
        (folder / f"service_{number}.py").write_text(GOOD.format(number=number))
    (folder / "bad.py").write_text("x = = 1")
    start(facade)
    wait_until(lambda: len(facade.deployed()) == 5)
    wait_until(lambda: lines("ERROR"))
    assert lines("ERROR") == ["bad.py is not deployed: bad.py, line 1: SyntaxError: invalid syntax"]


def test_an_archive_is_one_change(facade, folder, start, lines, tmp_path):
    start(facade)
    path = tmp_path / "new.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**RATES, "uses.py": USES.format(name="ONE")}.items():
            archive.writestr(name, text)
    subprocess.run(["cp", path, folder], check=True)
    wait_until(lambda: facade.deployed() == {**RATES, "uses.py": USES.format(name="ONE")})
    assert len(facade.calls) == 1
    wait_until(lines)
    assert lines() == [
        "picked up new.zip: deployed_rates/ version 1, uses.py version 1 with uses.get"
    ]
    raw = path.read_bytes()
    (folder / "half.zip").write_bytes(raw[:200])
    time.sleep(0.1)
    (folder / "half.zip").write_bytes(raw)
    (folder / "broken.zip").write_bytes(raw[:300])
    wait_until(lambda: lines("ERROR"))
    assert lines("ERROR") == [
        "broken.zip is not picked up: it is no archive that can be read: File is not a zip file"
    ]


def test_nothing_is_deployed_again_when_the_server_starts(facade, folder, start):
    make(folder, {**RATES, "uses.py": USES.format(name="ONE"), "gone.py": GOOD.format(number=1)})
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("zipped.py", "Z = 1")
    first = start(facade)
    wait_until(lambda: len(facade.stored) == 4)
    (folder / "deployed_rates/tables.py").write_text("ONE = TWO = 2")
    wait_until(lambda: len(facade.stored) == 5)
    first.stop()
    facade.set_current("deployed_rates/", 1)
    calls = len(facade.calls)
    second = start(facade)
    time.sleep(0.8)
    second.stop()
    assert len(facade.calls) == calls
    (folder / "deployed_rates/tables.py").write_text("ONE = TWO = 3")
    os.utime(folder / "deployed_rates/tables.py", (time.time() + 1,) * 2)
    start(facade)
    wait_until(lambda: facade.deployed()["deployed_rates/tables.py"] == "ONE = TWO = 3")
