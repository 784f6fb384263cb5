"""The README, run as pasted: its service, its commands, and the answers it promises."""

from __future__ import annotations

import json
import os
import re
import subprocess

from hansa_devkit.harness.server import BIN

from tools.project import TOP

BLOCK = re.compile(r"<!-- (file|run)(?:: (.*?))? -->\n```(?:python|sh)\n(.*?)```", re.S)


def test_a_first_service_in_five_minutes(start_server, wait):
    server = start_server(workers=1, plugins=["pickup", "redis"])
    folder = server.folder
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(BIN)
    environment = {
        **os.environ,
        "HANSA_SERVER": server.url,
        "HANSA_ADMIN_PASSWORD": server.password,
    }
    blocks = BLOCK.findall((TOP / "README.md").read_text())
    assert len(blocks) >= 8
    for kind, told, text in blocks:
        if kind == "file":
            (folder / told).write_text(text)
            continue
        script = "set -e\n" + text.replace("http://127.0.0.1:11223", server.url)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        if told:
            found, wanted = json.loads(done.stdout), json.loads(told)
            assert wanted in found["errors"] if isinstance(wanted, str) else found == wanted, (
                done.stdout
            )
        if text.startswith("cp "):
            wait(lambda: "greetings.greet" in str(server.api("admin.service.list")), 5)
    assert server.post("/greet/Ada").status_code == 401
    assert "Greeting Ada" in server.log()
