"""A real server: the worked example of the README, our own channel, outages, credentials,
certificates, edits under load.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.faults import Mode, Proxy
from hansa_devkit.harness.waiting import wait_until

README = (Path(__file__).parents[1] / "README.md").read_text()
DEADLINE = 4.0
SERVICES = """
from hansa import Model, Service


class Ask(Service):
    def handle(self):
        given = self.request.input
        quotes = self.outgoing.soap[given["name"]]
        return {"answer": getattr(quotes.service, given.get("operation", "echo"))(**given["arguments"])}


class Send(Service):
    def handle(self):
        given = self.request.input
        return {"answer": self.outgoing.soap[given["name"]].send(given["body"])[0].text}


class GetRate(Service):
    class Input(Model):
        country: str

    class Output(Model):
        rate: str

    def handle(self):
        return self.Output(rate=self.request.input.country.upper())
"""


@pytest.fixture(scope="module")
def server(start_shared_server):
    server = start_shared_server(workers=1, plugins=["soap", "soap-client", "xml"])
    server.deploy("quotes.py", SERVICES)
    for name in ("ask", "send"):
        settings = {
            "name": name,
            "url_path": f"/{name}",
            "service": f"quotes.{name}",
            "format": "json",
        }
        server.api("admin.channel.http.create", **settings)
    return server


@pytest.fixture
def create(server):
    """Make definitions that are deleted at the end, the last one first."""
    made = []

    def make(kind: str, name: str, **settings: Any) -> None:
        server.api(f"admin.{kind}.create", name=name, **settings)
        made.append((kind, name))

    yield make
    for kind, name in reversed(made):
        server.api(f"admin.{kind}.delete", name=name)


def echo(server, name, text="hello"):
    return server.post("/ask", {"name": name, "arguments": {"text": text}})


def works(server, name):
    return echo(server, name).status_code == 200


def states(server, name):
    found = server.api("admin.outgoing.soap.get", name=name)["states"].values()
    return {f"{state['state']}: {state.get('why') or ''}" for state in found}


def place(foreign, path="/1.1", **more):
    settings = {"address": foreign.address, "url_path": path, "wsdl": f"{foreign.address}/1.1?wsdl"}
    return {**settings, "deadline": DEADLINE, "timeout": DEADLINE, **more}


def test_the_worked_example_works(start_server, foreign):
    blocks = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
    config = next(text for language, text in blocks if language == "toml").replace(
        "8600", str(foreign.port)
    )
    server = start_server(config, start=False, workers=1, plugins=["soap", "soap-client", "xml"])
    (server.folder / "rates.py").write_text(
        next(text for language, text in blocks if language == "python")
    )
    server.start()
    (sent,) = re.findall(r"curl -d '(.*?)'", README)
    assert server.post("/rate", sent).json() == {"rate": "1.22"}
    assert server.post("/rate", sent.replace("Canada", "Atlantis")).status_code == 502


def test_our_own_channel_and_its_wsdl(server, create):
    create("security.basic", "callers", username="shop", password="a-password")
    create("security.basic", "right", username="shop", password="a-password", signs=True)
    create("security.basic", "wrong", username="shop", password="another", signs=True)
    create(
        "channel.soap",
        "rates",
        url_path="/rates",
        soap_action="get",
        service="quotes.get-rate",
        security=["callers"],
    )
    for name in ("right", "wrong"):
        settings = {"address": server.url, "url_path": "/rates", "wsdl": f"{server.url}/rates?wsdl"}
        create("outgoing.soap", name, **settings, security=name)
    asked = {"operation": "GetRate", "arguments": {"country": "Canada"}}
    assert server.post("/ask", {"name": "right", **asked}).json() == {"answer": "CANADA"}
    refused = server.post("/ask", {"name": "wrong", **asked})
    assert refused.status_code == 502
    assert (
        "outgoing soap 'wrong' answered with the fault Client: the user name or the password is wrong"
        in refused.text
    )
    assert "another" not in server.log()


@pytest.mark.evidence("kills")
@pytest.mark.proof
def test_a_killed_server_and_a_start_without_it(server, create, foreign):
    create("outgoing.soap", "killed", **place(foreign))
    assert works(server, "killed")
    foreign.kill()
    began = time.monotonic()
    refused = echo(server, "killed")
    assert refused.status_code == 503 and "outgoing soap 'killed'" in refused.text
    assert time.monotonic() - began < DEADLINE + 5
    create(
        "outgoing.soap",
        "new",
        **place(foreign, wsdl=f"{foreign.address}/1.2?wsdl", soap_version="1.2", path="/1.2"),
    )
    wait_until(
        lambda: all(
            text.startswith("retrying: ") and foreign.address in text
            for text in states(server, "new")
        ),
        20,
        "its state says why",
    )
    refused = echo(server, "new")
    assert refused.status_code == 503 and "retrying" in refused.text
    told = wait_until(
        lambda: [text for text in states(server, "killed") if text != "running: "],
        20,
        "its state says why",
    )
    assert all(text.startswith("running: outgoing soap 'killed'") for text in told)
    shown = server.api("admin.cluster.status")["objects"]
    assert any(
        (one["name"], one["state"]) == ("killed", "running") and "'killed'" in one["why"]
        for one in shown
    )
    foreign.start()
    assert wait_until(lambda: works(server, "killed"), 10)
    wait_until(
        lambda: works(server, "killed") and states(server, "killed") == {"running: "},
        20,
        "all is well",
    )
    assert wait_until(lambda: states(server, "new") == {"running: "}, 30, "it starts by itself")
    assert works(server, "new")


@pytest.mark.proof
def test_a_silent_server(server, create, foreign):
    with Proxy(foreign.port) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        create(
            "outgoing.soap", "silent", **place(foreign, address=address, wsdl=f"{address}/1.1?wsdl")
        )
        assert works(server, "silent")
        modes: dict[Mode, int] = {"drop": 504, "reset": 503, "refuse": 503}
        for mode, status in modes.items():
            proxy.mode = mode
            began = time.monotonic()
            refused = echo(server, "silent")
            assert (refused.status_code, time.monotonic() - began < DEADLINE + 5) == (
                status,
                True,
            ), mode
            proxy.mode = "pass"
            assert wait_until(lambda: works(server, "silent"), 10)


@pytest.mark.evidence("tls")
def test_refused_credentials_and_a_wrong_certificate(server, create, foreign, secure_foreign):
    create("security.basic", "shop", username="shop", password="wrong-one", signs=True)
    create("outgoing.soap", "refused", **place(foreign, "/secret"), security="shop")
    for answer in (
        echo(server, "refused"),
        server.post("/send", {"name": "refused", "body": "<a/>"}),
    ):
        assert (
            answer.status_code == 502
            and "outgoing soap 'refused'" in answer.text
            and "401" in answer.text
        )
    server.api("admin.security.basic.edit", name="shop", password="first")
    assert wait_until(lambda: works(server, "refused"), 10)
    assert "wrong-one" not in server.log()
    address = secure_foreign.address.replace("http:", "https:")
    create("outgoing.soap", "secure", **place(foreign, address=address, wsdl=f"{address}/1.1?wsdl"))
    wait_until(
        lambda: all("CERTIFICATE_VERIFY_FAILED" in text for text in states(server, "secure")), 20
    )
    assert echo(server, "secure").status_code == 503
    server.api("admin.outgoing.soap.edit", name="secure", tls_ca=str(secure_foreign.authority))
    wait_until(lambda: states(server, "secure") == {"running: "}, 20)
    assert works(server, "secure")


@pytest.mark.proof
def test_address_and_password_are_edited_under_load(server, create, foreign):
    create("security.basic", "clerk", username="shop", password="first", signs=True)
    create("outgoing.soap", "edited", **place(foreign, "/secret", deadline=10), security="clerk")
    answers, done = [], threading.Event()

    def load() -> None:
        while not done.is_set():
            answers.append(echo(server, "edited", "under load"))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Proxy(foreign.port) as proxy:
        try:
            for number in range(4):
                port, password = (foreign.port, "first") if number % 2 else (proxy.port, "second")
                server.api("admin.security.basic.edit", name="clerk", password=password)
                changed = {
                    "address": f"http://127.0.0.1:{port}",
                    "wsdl": f"http://127.0.0.1:{port}/1.1?wsdl",
                }
                server.api("admin.outgoing.soap.edit", name="edited", **changed)
                goal = len(answers) + 15
                wait_until(lambda goal=goal: len(answers) >= goal, 30)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert proxy.accepted
    wrong = [answer.text for answer in answers if answer.json() != {"answer": "under load"}]
    assert not wrong, wrong[:3]
