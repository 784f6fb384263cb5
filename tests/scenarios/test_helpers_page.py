"""docs/helpers.md, run as pasted: its files, its commands, and the answers and refusals it
promises.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

from hansa_devkit.harness.server import BIN

from tools.project import TOP

BLOCK = re.compile(
    r"<!-- (file|run|wait|refused)(?:: (.*?))? -->\n```(?:python|sh)\n(.*?)```", re.S
)


def test_the_page_holds_what_it_says(start_server, wait):
    server = start_server(workers=1, plugins=["pickup", "redis"])
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HANSA_SERVER": server.url,
        "HANSA_ADMIN_PASSWORD": server.password,
    }

    def run(script: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-ec", script]
        return subprocess.run(
            command,
            cwd=server.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    blocks = BLOCK.findall((TOP / "docs/helpers.md").read_text())
    assert [kind for kind, *_ in blocks].count("run") >= 5
    for kind, told, text in blocks:
        if kind == "file":
            path = server.folder / told
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif kind == "wait":
            wait(lambda text=text, told=told: json.loads(run(text).stdout) == json.loads(told), 15)
        else:
            done = run(text)
            assert (done.returncode == 0) == (kind == "run"), (
                f"{text}\n{done.stdout}\n{done.stderr}"
            )
            if kind == "refused":
                assert told in done.stderr
            elif told:
                assert json.loads(done.stdout) == json.loads(told)
    assert server.api("admin.service.packages")["items"] == []
