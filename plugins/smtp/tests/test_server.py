"""Mail in a real server of Hansa: the README's example, an outage, an edit of the login under load."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.smtp.tests.servers import MailServer

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def peer():
    with MailServer() as peer:
        yield peer


@pytest.fixture
def server(peer, start_server):
    """A server of Hansa with the README's service and configuration."""
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    config = blocks["config.toml"].replace(
        '"mail.example.com"',
        f'"127.0.0.1"\nport = {peer.port}\ntls_ca = "{peer.folder}/server.pem"\ntimeout = 3',
    )
    server = start_server(
        config, start=False, workers=1, plugins=["smtp"], env={"MAIL_PASSWORD": peer.password}
    )
    (server.folder / "orders.py").write_text(blocks["orders.py"])
    server.start()
    return server


def confirm(server, number=17, to="ada@example.com"):
    return server.post("/confirm", json={"number": number, "to": to})


def test_the_example_works_and_what_is_wrong_is_told(server, peer):
    answer = confirm(server, to="ada@example.com, nobody@example.com")
    assert answer.status_code == 200, server.log()
    assert answer.json()["refused"] == {"nobody@example.com": "550 5.1.1 no such user here"}
    [received] = peer.received()
    assert received.message["Message-ID"] == answer.json()["message_id"]
    assert received.message["X-Hansa-CID"] == answer.headers["X-Hansa-CID"]
    assert [part.get_filename() for part in received.message.iter_attachments()] == [
        "invoice-17.csv"
    ]
    refused = confirm(server, to="nobody@example.com")
    assert refused.status_code == 500 and "no such user" not in refused.text
    assert "550 5.1.1 no such user here" in server.log()
    peer.kill()
    wait_until(lambda: confirm(server).status_code == 503, 10)
    peer.start()
    wait_until(lambda: confirm(server).status_code == 200, 30)


def test_an_edit_of_the_login_under_load_loses_no_message(server, peer):
    answers, done = [], threading.Event()

    def load() -> None:
        number = 0
        while not done.is_set():
            number += 1
            answers.append(confirm(server, number).status_code)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for change in ({"max_connections": 3}, {"sender": "Other <other@example.com>"}, {"timeout": 4}):
        count = len(answers)
        server.api("admin.outgoing.smtp.edit", name="office", **change)
        wait_until(lambda count=count: len(answers) > count + 8, 30)
    done.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {200}, server.log()[-3000:]
    assert len(peer.received()) == len(answers)
