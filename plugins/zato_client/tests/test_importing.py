"""`zato.client` can be imported with and without the server's own `zato`, in either order."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hansa_devkit.harness.server import BIN

HERE = Path(__file__).resolve().parents[1]


def run(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "from zato.client import ZatoClient as C; print(C.__module__)",
        "import hansa_zato.visible, zato.client; print(zato.client.ZatoClient.__module__)",
        "import zato.client, hansa_zato.visible\nfrom zato.client import ZatoClient as C\n"
        "from zato.server.service import Service; print(C.__module__)",
        "import hansa_zato.visible\nfrom zato.server.service import Service\n"
        "import zato.client; print(zato.client.ZatoClient.__module__)",
    ],
)
def test_in_every_order(code: str) -> None:
    assert run(code) == "hansa_zato_client.invoking"


def test_it_is_the_same_module_in_a_server() -> None:
    code = "import hansa_zato.visible, zato.client, hansa_zato_client as c; print(zato.client is c)"
    assert run(code) == "True"


def test_it_imports_nothing_of_hansa() -> None:
    code = "import sys, zato.client; print('hansa' in sys.modules, 'hansa_zato' in sys.modules)"
    assert run(code) == "False False"


def test_a_wheel_has_both_names(tmp_path: Path) -> None:
    command = [str(BIN / "uv"), "build", "--wheel", "--no-build-isolation", "--quiet"]
    python = ["--python", sys.executable, "--offline"]
    subprocess.run([*command, *python, str(HERE), "-o", str(tmp_path)], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert not (unpacked / "zato" / "__init__.py").exists()
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "import zato.client, hansa_zato_client; print(hansa_zato_client.__file__)"
    )
    assert run(code) == str(unpacked / "hansa_zato_client" / "__init__.py")
