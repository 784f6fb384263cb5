"""The treasury story from outside, in both dialects: nothing but HTTP calls, the command line and
copying files.

A job fetches a large XML feed, which a process of its own serves, into a cache; one service answers
from it to three clients, as JSON, XML and SOAP; then everything is changed while it runs.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import zeep
import zeep.helpers
import zeep.transports
from hansa_devkit.harness.api_server import RunningServer
from lxml import etree

from tests.commands import hansa

DAY = {"year": 2013, "month": 9, "day": 3}
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<request><year>{year}</year><month>{month}</month><day>{day}</day></request>
</soapenv:Body></soapenv:Envelope>"""
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


@dataclass
class Story:
    """What the tests share: the server, and the names that differ between the dialects."""

    server: RunningServer
    module: str
    feed: str
    other_feed: str
    big_feed: str

    @property
    def zato(self) -> bool:
        """Whether the services are written in the Zato dialect."""
        return self.module == "linuxjournal"

    def update(self, **month: int) -> object:
        """Have the cache refreshed, by the command line's way of calling a service."""
        return self.server.api(
            "admin.service.invoke", name=f"{self.module}.update-cache", payload=month
        )["payload"]

    def rate(self, path: str = "/client1/get-rate", **day: int) -> str:
        """The rate of a day, as the first client sees it."""
        response = self.server.post(path, {**DAY, **day}, auth=("client1", "first-password"))
        assert response.status_code == 200, response.text
        found = response.json()
        return found["response"]["rate"] if self.zato else found["rate"]


@pytest.fixture(scope="module", params=["linuxjournal", "rates"])
def story(request, start_shared_server, start_feed, examples, wait) -> Story:
    """Everything created live, on a server that begins with nothing."""
    environment = {
        "CLIENT1_PASSWORD": "first-password",
        "CLIENT2_KEY": "second-key-0123456789abcdef",
    }
    # 50,000 rates are 50,000 writes: here the disk need not confirm each
    server = start_shared_server(
        '[redis]\ndurability = "fast"\n',
        workers=2,
        env=environment,
        plugins=["pickup", "redis", "scheduler", "soap", "xml", "zato"],
    )
    story = Story(
        server,
        request.param,
        start_feed(),
        start_feed("--seed", "7"),
        start_feed("--entries", "50000"),
    )
    service = f"{story.module}.get-rate"

    shutil.copy(examples / "treasury" / f"{story.module}.py", server.dir / "pickup")
    wait(
        lambda: (
            service
            in {
                item["name"]
                for item in server.api("admin.service.list", filter=story.module)["items"]
            }
        ),
        10,
    )

    server.api("admin.outgoing.http.create", name="treasury.gov", address=story.feed, timeout=20)
    server.api(
        "admin.security.basic.create",
        name="client1",
        username="client1",
        password={"$env": "CLIENT1_PASSWORD"},
    )
    server.api(
        "admin.security.apikey.create",
        name="client2",
        key={"$env": "CLIENT2_KEY"},
        header="X-Client-Key",
    )
    hansa(
        server,
        "security",
        "basic",
        "create",
        "client3",
        "--username",
        "client3",
        "--password",
        "third-password",
    )
    create = "admin.channel.http.create"
    server.api(
        create,
        name="client1",
        url_path="/client1/get-rate",
        service=service,
        format="json",
        security="client1",
        method="POST",
    )
    server.api(
        create,
        name="client2",
        url_path="/client2/get-rate",
        service=service,
        format="xml",
        security="client2",
    )
    hansa(
        server,
        *(
            "channel",
            "soap",
            "create",
            "client3",
            "--url-path",
            "/client3/get-rate",
            "--soap-action",
            "get-rates",
        ),
        *("--service", service, "--security", "client3"),
    )
    server.api(
        "admin.channel.schedule.create",
        name="hourly",
        service=f"{story.module}.update-cache",
        format="json",
        job_type="interval",
        hours=1,
        payload='{"year": 2013, "month": 9}',
    )
    server.api("admin.channel.schedule.run", name="hourly")
    wait(
        lambda: server.post(
            "/client1/get-rate", DAY, auth=("client1", "first-password")
        ).text.count("1.22"),
        20,
    )
    return story


def curl(*arguments: str) -> str:
    """What curl prints."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail-with-body", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_json(story):
    found = curl(
        "-u",
        "client1:first-password",
        f"{story.server.url}/client1/get-rate",
        "-d",
        json.dumps(DAY),
    )
    assert json.loads(found) == ({"response": {"rate": "1.22"}} if story.zato else {"rate": "1.22"})


def test_xml(story):
    body = "<request><year>2013</year><month>9</month><day>3</day></request>"
    found = curl(
        "-H",
        "X-Client-Key: second-key-0123456789abcdef",
        f"{story.server.url}/client2/get-rate",
        "-d",
        body,
    )
    document = etree.fromstring(found.encode())
    if story.zato:
        assert document.tag == "response"
        assert document.findtext("zato_env/result") == "ZATO_OK"
        assert re.fullmatch(r"K[0-9A-Z]{27}", document.findtext("zato_env/cid", ""))
        assert document.findtext("item/rate") == "1.22"
    else:
        assert [element.text for element in document.iter("{*}rate")] == ["1.22"]


def test_soap_by_curl(story):
    found = curl(
        *(
            "-u",
            "client3:third-password",
            "-H",
            'SOAPAction: "get-rates"',
            "-H",
            "Content-Type: text/xml; charset=utf-8",
        ),
        *(f"{story.server.url}/client3/get-rate", "-d", ENVELOPE.format(**DAY)),
    )
    envelope = etree.fromstring(found.encode())
    assert envelope.tag == SOAP + "Envelope"
    body = envelope.find(SOAP + "Body")
    assert body is not None
    assert [element.text for element in body.iter("{*}rate")] == ["1.22"]


def test_soap_by_a_client_made_from_the_wsdl(story):
    session = requests.Session()
    session.auth = ("client3", "third-password")
    client = zeep.Client(
        f"{story.server.url}/client3/get-rate?wsdl",
        transport=zeep.transports.Transport(session=session),
    )
    service = next(iter(client.wsdl.services.values()))
    port = next(iter(service.ports.values()))
    operations = list(port.binding._operations.values())
    assert [operation.soapaction for operation in operations] == ["get-rates"]
    answer = getattr(client.service, operations[0].name)(**DAY)
    assert "1.22" in json.dumps(zeep.helpers.serialize_object(answer, dict), default=str)
    if not story.zato:  # that dialect's input is text, which any value fits
        with pytest.raises(zeep.exceptions.Fault) as fault:
            getattr(client.service, operations[0].name)(**{**DAY, "month": 13})
        assert "Client" in fault.value.code
        assert "month" in fault.value.message


def test_every_answer_has_a_cid_and_the_zato_dialect_its_own_too(story):
    response = story.server.post("/client1/get-rate", DAY, auth=("client1", "first-password"))
    cid = response.headers["X-Hansa-CID"]
    assert response.headers.get("X-Zato-CID") == (cid if story.zato else None)


def test_each_client_gets_in_by_its_own_security_only(story):
    ways: dict[str, dict[str, Any]] = {
        "client1": {"auth": ("client1", "first-password")},
        "client2": {"headers": {"X-Client-Key": "second-key-0123456789abcdef"}},
        "client3": {"auth": ("client3", "third-password")},
    }
    for channel in ways:
        for way, options in {**ways, "nobody": {}}.items():
            headers = {
                "SOAPAction": "get-rates",
                "Content-Type": "text/xml",
                **options.get("headers", {}),
            }
            response = story.server.post(
                f"/{channel}/get-rate", "", **{**options, "headers": headers}
            )
            assert (response.status_code == 401) == (way != channel), (
                f"{way} at {channel}: {response.status_code}"
            )


def test_a_day_without_a_rate(story):
    if story.zato:
        assert story.rate(month=9, day=1) in (None, "")
    else:
        response = story.server.post(
            "/client1/get-rate", {**DAY, "day": 1}, auth=("client1", "first-password")
        )
        assert response.status_code == 404
        assert "2013-09-01" in response.json()["detail"]


def test_the_log_leaves_a_trace(story):
    trace = (
        "Key linuxjournal:rates:2013:09:03 set to 1.22"
        if story.zato
        else "2013-09: 20 rates stored"
    )
    assert trace in story.server.log()


def test_a_whole_year(story):
    answers = [story.update(year=2012, month=month) for month in range(1, 13)]
    if not story.zato:
        assert sum(answer["stored"] for answer in answers) == 261  # Mondays to Fridays of 2012
    assert story.rate(year=2012, month=12, day=31)


@pytest.mark.proof
def test_50_000_entries(story):
    story.server.api("admin.outgoing.http.edit", name="treasury.gov", address=story.big_feed)
    try:
        began = time.monotonic()
        story.update(year=2013, month=8)
        took = time.monotonic() - began
    finally:
        story.server.api("admin.outgoing.http.edit", name="treasury.gov", address=story.feed)
    assert took < 100
    assert story.rate(month=8, day=1)


def test_the_address_of_the_connection_changes_live(story):
    story.update(year=2014, month=1)
    before = story.rate(year=2014, month=1, day=2)
    hansa(story.server, "outgoing", "http", "edit", "treasury.gov", "--address", story.other_feed)
    try:
        story.update(year=2014, month=1)
        assert story.rate(year=2014, month=1, day=2) != before
    finally:
        hansa(story.server, "outgoing", "http", "edit", "treasury.gov", "--address", story.feed)
    story.update(year=2014, month=1)
    assert story.rate(year=2014, month=1, day=2) == before


def test_the_time_out_of_the_connection_changes_live(story, api_error):
    """The other side accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        edit = "admin.outgoing.http.edit"
        try:
            for timeout in (0.3, 1.0):
                story.server.api(
                    edit, name="treasury.gov", address=address, timeout=timeout, retries=0
                )
                began = time.monotonic()
                with pytest.raises(api_error) as caught:
                    story.update(year=2013, month=9)
                took = time.monotonic() - began
                assert timeout <= took < timeout + 1.5, f"{took:.2f} s"
                assert caught.value.status == (
                    500 if story.zato and caught.value.status == 500 else 504
                )
                assert "cid" in caught.value.problem
        finally:
            story.server.api(edit, name="treasury.gov", address=story.feed, timeout=20, retries=2)
    assert story.rate() == "1.22", "the cache is as it was"


def test_a_channel_moves_and_changes_its_security_live(story):
    server, edit = story.server, "admin.channel.http.edit"
    server.api(edit, name="client1", url_path="/moved/{year}/{month}/{day}")
    try:
        assert (
            server.post("/client1/get-rate", DAY, auth=("client1", "first-password")).status_code
            == 404
        )
        assert "1.22" in server.post("/moved/2013/9/3", auth=("client1", "first-password")).text
        server.api(edit, name="client1", security="client3")
        assert server.post("/moved/2013/9/3", auth=("client1", "first-password")).status_code == 401
        assert "1.22" in server.post("/moved/2013/9/3", auth=("client3", "third-password")).text
    finally:
        server.api(edit, name="client1", url_path="/client1/get-rate", security="client1")
    assert story.rate() == "1.22"
    assert server.post("/moved/2013/9/3", auth=("client1", "first-password")).status_code == 404


def test_a_channel_is_switched_off_and_on(story):
    server, edit = story.server, "admin.channel.http.edit"
    server.api(edit, name="client1", active=False)
    assert server.post(
        "/client1/get-rate", DAY, auth=("client1", "first-password")
    ).status_code in (404, 503)
    server.api(edit, name="client1", active=True)
    assert story.rate() == "1.22"


def test_version_2_and_back(story, examples):
    file = f"{story.module}.py"
    source = (examples / "treasury" / file).read_text()
    version = next(
        item["version"]
        for item in story.server.api("admin.service.list", filter=f"{story.module}.get-rate")[
            "items"
        ]
    )
    second = source.replace("self.kvdb.conn.get(", "'about ' + self.kvdb.conn.get(").replace(
        "rate=str(rate))", "rate=f'about {rate}')"
    )
    assert second != source
    answer = story.server.deploy(file, second)
    assert answer["version"] == version + 1
    assert answer["services"] == sorted(
        [f"{story.module}.get-rate", f"{story.module}.update-cache"]
    )
    assert story.rate() == "about 1.22"
    hansa(story.server, "service", "rollback", file)
    assert story.rate() == "1.22"


def test_what_is_in_use_is_not_deleted(story, api_error):
    for kind, name, user in (
        ("security.basic", "client1", "client1"),
        ("service", f"{story.module}.get-rate", "client3"),
    ):
        with pytest.raises(api_error) as caught:
            story.server.api(f"admin.{kind}.delete", name=name)
        assert caught.value.status == 409
        assert user in caught.value.problem["detail"]


def test_export_wipe_apply_export_is_byte_equal(story):
    server = story.server
    first, second, nothing = (
        server.folder / name for name in ("first.json", "second.json", "nothing.json")
    )
    hansa(server, "export", str(first))
    assert "first-password" not in first.read_text()
    assert "third-password" not in first.read_text()
    nothing.write_text("{}")
    planned = json.loads(hansa(server, "plan", str(nothing), "--prune", "--json").stdout)
    assert {change["action"] for change in planned["changes"]} == {"delete"}
    assert story.rate() == "1.22", "a plan changes nothing"
    hansa(server, "apply", str(nothing), "--prune")
    assert server.post("/client1/get-rate", DAY).status_code == 404
    assert server.api("admin.config.export") == {}
    hansa(server, "apply", str(first))
    hansa(server, "export", str(second))
    assert first.read_bytes() == second.read_bytes()
    assert story.rate() == "1.22"
    assert (
        "1.22"
        in server.post(
            "/client3/get-rate",
            ENVELOPE.format(**DAY),
            auth=("client3", "third-password"),
            headers={"SOAPAction": "get-rates", "Content-Type": "text/xml"},
        ).text
    )
    assert not json.loads(hansa(server, "plan", str(first), "--json").stdout)["changes"]


def test_three_clients_at_once(story):
    """Everybody gets the right answer in the right format while everybody calls."""
    session_faults: list[str] = []

    def call(path: str, body: str, wanted: str, **options: Any) -> None:
        with requests.Session() as session:
            for _ in range(50):
                text = session.post(story.server.url + path, data=body, timeout=30, **options).text
                if "1.22" not in text or wanted not in text:
                    session_faults.append(text)

    clients: list[tuple[str, str, str, dict[str, Any]]] = [
        ("/client1/get-rate", json.dumps(DAY), '"rate"', {"auth": ("client1", "first-password")}),
        (
            "/client2/get-rate",
            "<r><year>2013</year><month>9</month><day>3</day></r>",
            "<rate>",
            {"headers": {"X-Client-Key": "second-key-0123456789abcdef"}},
        ),
        (
            "/client3/get-rate",
            ENVELOPE.format(**DAY),
            "Envelope",
            {
                "auth": ("client3", "third-password"),
                "headers": {"SOAPAction": "get-rates", "Content-Type": "text/xml"},
            },
        ),
    ]
    threads = [
        threading.Thread(target=call, args=client[:3], kwargs=client[3])
        for client in clients
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not session_faults, session_faults[:2]


def test_deploying_the_same_by_copying_again_changes_nothing(story, examples, wait):
    """Copying an unchanged file is no new version."""
    before = story.server.api("admin.service.get", name=f"{story.module}.get-rate")["version"]
    shutil.copy(examples / "treasury" / f"{story.module}.py", story.server.dir / "pickup")
    time.sleep(1)
    assert (
        story.server.api("admin.service.get", name=f"{story.module}.get-rate")["version"] == before
    )
