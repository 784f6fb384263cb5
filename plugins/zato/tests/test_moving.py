"""docs/moving-from-zato.md, run as it stands."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.server import BIN

from tests.parallel import Shared

PAGE = Path(__file__).parents[3] / "docs/moving-from-zato.md"
BLOCK = re.compile(r"<!-- (file|run|refused)(?:: (.*?))? -->\n```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> RunningServer:
    @contextlib.contextmanager
    def start() -> Iterator[RunningServer]:
        with servers(tmp_path_factory.mktemp("moved")) as make:
            yield make(workers=1)

    return of_unit.get("moved", start)


def test_the_page_holds_what_it_says(server: RunningServer, tmp_path: Path):
    server.api("admin.config.apply", config={}, prune=True)
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HANSA_SERVER": server.url,
        "HANSA_ADMIN_PASSWORD": server.password,
        "NO_COLOR": "1",
    }
    script = ""
    for kind, told, text in BLOCK.findall(PAGE.read_text()):
        if kind == "file":
            path = tmp_path / told
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif kind == "refused":
            script += f"! ({text}) | tee refused.txt\ngrep -q {told} refused.txt\n"
        else:
            # a busy worker may take a moment to have what was imported
            script += text.replace("curl ", "curl --retry 60 --retry-all-errors --retry-delay 1 ")
    done = subprocess.run(
        ["bash", "-exc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"rate":"1.22"' in done.stdout
    assert "Zato compares headers" in done.stdout
    assert "Python 2" in (tmp_path / "report.html").read_text()
    assert "Zato_Enmasse_Env.SECURITY_BASIC_PARTNER_PASSWORD" in (tmp_path / "new.yml").read_text()
