"""Mail in a real server of Hansa: the README's example, an outage, a message that kills its worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.imap.tests.servers import Dovecot
from plugins.imap.tests.test_channel import message

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
SERVICES = """
import os

from hansa import Model, Service


class Take(Service):
    name = "mail.take"

    class Input(Model):
        subject: str

    def handle(self):
        subject = self.request.input.subject
        with open("PATH", "a") as file:
            file.write(f"{subject}\\n")
        if subject == "crash":
            os._exit(1)
"""


@pytest.fixture
def peer():
    with Dovecot() as peer:
        yield peer


def example(peer):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    here = f'"127.0.0.1"\nport = {peer.settings["port"]}\ntls_ca = "{peer.pem}"\ntimeout = 3'
    return blocks["orders.py"], blocks["config.toml"].replace('"mail.example.com"', here)


def states(server):
    return str(server.api("admin.channel.imap.get", name="orders")["states"])


def test_the_example_works_through_an_outage(peer, start_server):
    source, config = example(peer)
    server = start_server(
        config, start=False, workers=1, plugins=["imap"], env={"MAIL_PASSWORD": peer.password}
    )
    (server.folder / "orders.py").write_text(source)
    server.start()
    peer.append(message(b"12345", "an order"))
    peer.append(b"From: eve@example.com\r\nSubject: order without a file\r\n\r\nHello\r\n")
    wait_until(lambda: "ada@example.com ordered by a.bin: 5 bytes" in server.log(), 20, server.log)
    wait_until(lambda: peer.messages("Failed"), 20)
    [failed] = peer.messages("Failed")
    assert failed.startswith(b"X-Hansa-Cause: there is no order attached\r\n")
    peer.kill()
    wait_until(lambda: "retrying" in states(server), 20)
    peer.start()
    peer.append(message(b"678", "another order"))
    wait_until(lambda: "a.bin: 3 bytes" in server.log(), 60)


@pytest.mark.proof
def test_a_message_that_kills_its_worker_is_given_up_and_the_others_go_through(
    peer, start_server, tmp_path
):
    server = start_server(workers=2, plugins=["imap"])
    server.deploy("mail.py", SERVICES.replace("PATH", str(tmp_path / "taken")))
    settings = {**peer.settings, "interval": 0.5, "max_attempts": 2, "service": "mail.take"}
    server.api("admin.channel.imap.create", name="mail", **settings)
    for subject in ("one", "crash", "two"):
        peer.append(message(b"1", subject))
    wait_until(lambda: peer.messages("Failed"), 70)
    wait_until(lambda: not peer.messages("INBOX", "UNSEEN"), 30)
    taken = (tmp_path / "taken").read_text().split()
    assert taken.count("crash") == 2 and {"one", "two"} <= set(taken)
