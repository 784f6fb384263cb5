"""Two real clusters, with keys of their own, compared by mouse and by command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_cli.location import Trust
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.server import BIN
from hansa_devkit.harness.waiting import wait_until
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import Destination
from hansa_web.settings import WebSection

from plugins.web.tests.conftest import CLUSTER, Browser

SHARED = "a secret of both clusters"
PLUGINS = ["roles", "web"]
PAGE = f"/{CLUSTER}/configuration/compare"
SOURCE = "from hansa import Service\n\n\nclass Greet(Service):\n    def handle(self):\n        return {}\n"


def define(server: RunningServer, name: str, password: str, **settings: object) -> None:
    login = {"username": name, "password": password, "signs": True, **settings}
    server.api("admin.security.basic.create", name=name, **login)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, RunningServer]]:
    """This cluster and the other one."""
    with servers(tmp_path_factory.mktemp("both")) as make:
        made = [make(workers=1, plugins=PLUGINS, start=False) for _ in range(2)]
        here, there = [server.launch() for server in made]
        for server in made:
            wait_until(server.ready, 60, "a server")
        for server in made:
            define(server, "same", SHARED)
            server.deploy("greeting.py", SOURCE)
        define(here, "partner", "the one of here", realm="<b>here</b>")
        define(there, "partner", "the one of there", realm="there")
        define(here, "mine", SHARED)
        there.deploy("greeting.py", SOURCE.replace("{}", "[]"))
        yield here, there


@pytest.fixture
def browser(both: tuple[RunningServer, RunningServer]) -> Browser:
    """A browser that has logged in to this cluster, of a web admin of both."""
    here, there = both
    found = Browser(here.url)
    apis = [
        ClusterApi(Destination(name, lambda url=server.url: [url], Trust))
        for name, server in ((CLUSTER, here), ("other", there))
    ]
    app = build(WebSection(address="127.0.0.1:8183"), apis)
    found.client = type(found.client)(app)
    assert found.log_in(here.password).status_code == 303
    return found


def test_clusters_are_compared_by_mouse(
    browser: Browser, both: tuple[RunningServer, RunningServer]
) -> None:
    form = browser.get(PAGE).text
    assert '<option value="other"' in form
    needs = browser.get(f"{PAGE}?with=other")
    assert needs.status_code == 200 and "You are not logged in there." in needs.text
    assert browser.get(f"{PAGE}?with=nowhere").status_code == 404
    assert browser.log_in(both[1].password, cluster="other").status_code == 303
    page = browser.get(f"{PAGE}?with=other&services=yes")
    assert page.status_code == 200, page.text
    assert "2 differ, 1 are only here, 0 only there, of 0 it cannot be told" in page.text
    assert "secret: differs" in page.text and "&lt;b&gt;here&lt;/b&gt;" in page.text
    assert '<span class="added">+        return {}' in page.text
    for secret in (SHARED, "the one of here", "the one of there", "********"):
        assert secret not in page.text
    only = browser.get(f"{PAGE}?with=other&result=only_here").text
    assert ">mine</a>" in only and ">partner</a>" not in only
    assert int(page.headers["x-admin-calls"]) <= 2


def test_clusters_are_compared_by_command(
    both: tuple[RunningServer, RunningServer], tmp_path: Path
) -> None:
    here, there = both
    password = tmp_path / "password"
    password.write_text(there.password)
    environment = {**os.environ, "NO_COLOR": "1", "HANSA_ADMIN_PASSWORD": here.password}
    command = [BIN / "hansa", "compare", there.url, "--server", here.url, "--services"]

    def run(*options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*map(str, command), *map(str, options)],
            env=environment,
            cwd=here.folder,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    # neither the password in the environment nor that of the current folder goes elsewhere
    refused = run()
    assert refused.returncode == 2 and "--other-password-file: no password" in refused.stderr
    done = run("--other-password-file", password)
    assert done.returncode == 0, done.stderr
    assert "≠ security basic partner: differs" in done.stdout
    assert "    password: differs (secret)" in done.stdout
    assert "    realm: <b>here</b> here, there there" in done.stdout
    assert "+ security basic mine: only here" in done.stdout
    assert "    -        return []" in done.stdout
    assert "the one of" not in done.stdout
    assert "2 differ, 1 are only here, 0 only there, " in done.stdout
