"""HL7 in a real server of Hansa: the README's example, an outage, kills of the worker under load."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_hl7.acknowledgement import read_acknowledgement

from plugins.hl7.tests.servers import Hl7Receiver, Sender, message

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
RESULT = (
    b"MSH|^~\\&|LAB|LAB|HANSA|HOUSE|20261130||ORU^R01|%s|P|2.5\r"
    b"PID|1||4711\rOBX|1|NM|GLU||%d|mg/dl||%s\r"
)
SERVICE = """
import os

from hansa import Service


class Take(Service):
    name = "take"

    def handle(self):
        control = self.request.headers["hl7-control-id"]
        with open("PATH", "a") as file:
            file.write(control + "\\n")
        if control == "crash" and not os.path.exists("PATH.crashed"):
            open("PATH.crashed", "w").close()
            os._exit(1)
"""


def test_the_example_works_through_an_outage(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    port = free_port()
    with Hl7Receiver() as ward:
        config = blocks["config.toml"].replace("port = 2575\nservice", f"port = {port}\nservice")
        config = config.replace(
            '"ward.example.com"\nport = 2575', f'"127.0.0.1"\nport = {ward.port}'
        )
        server = start_server(config, start=False, workers=1, plugins=["hl7"])
        (server.folder / "results.py").write_text(blocks["results.py"])
        server.start()
        first = send_by_program(port, RESULT % (b"R1", 250, b"H"))
        assert first.startswith("AA R1"), server.log()
        assert "GLU of 4711: 250" in server.log()
        assert send_by_program(port, RESULT % (b"R2", 90, b"N")).startswith("AA R2")
        refused = send_by_program(port, message(control_id="R3"))
        assert refused.startswith("AE R3 only results are taken"), server.log()
        ward.kill()
        failed = send_by_program(port, RESULT % (b"R4", 250, b"H"))
        assert failed.startswith("AR R4") and str(ward.port) not in failed
        ward.start()
        wait_until(lambda: send_by_program(port, RESULT % (b"R4", 250, b"H")).startswith("AA"), 30)


def send_by_program(port, raw):
    """Send a message by the program of the library hl7; returns code, id and text of the answer."""
    program = [sys.executable, "-c", "from hl7.client import mllp_send; mllp_send()"]
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        command = [*program, "-p", str(port), "--loose", "--file", file.name, "127.0.0.1"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    answer = done.stdout.strip(b"\n").strip(b"\x0b\x1c\r\n") + b"\r"
    found = read_acknowledgement(answer)
    return f"{found.code} {found.control_id} {found.text}"


@pytest.mark.proof
def test_no_message_is_lost_while_its_worker_is_killed(start_server, tmp_path):
    server = start_server(workers=2, plugins=["hl7"])
    taken = tmp_path / "taken"
    server.deploy("take.py", SERVICE.replace("PATH", str(taken)))
    port = free_port()
    server.api("admin.channel.mllp.create", name="all", port=port, service="take")
    sent = [f"M{number}" for number in range(200)]
    sent[120:120] = ["crash"]
    for number, control in enumerate(sent):
        if number == 60:
            kill_who_listens(port)
        send_until_accepted(port, control)
    assert set(taken.read_text().split()) == set(sent)


def kill_who_listens(port):
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr[1] == port:
            assert one.pid is not None
            os.kill(one.pid, signal.SIGKILL)
            return
    raise AssertionError(f"nobody listens at {port}")


def send_until_accepted(port, control):
    def accepted():
        try:
            with Sender(port) as sender:
                answer = sender.send(message(control_id=control))
        except OSError:
            return False
        return bool(answer) and read_acknowledgement(answer).code == "AA"

    wait_until(accepted, 60)
