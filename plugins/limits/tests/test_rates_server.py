"""Rates and address lists on a real server of two workers, over HTTP and SOAP."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hansa_devkit.harness.waiting import wait_until

CONFIG = """
[services]
files = ["work.py"]

[channel.http.exact]
url_path = "/exact"
service = "work.work"
format = "json"
limits = { rate = "31/d", rate_headers = true }

[channel.http.plain]
url_path = "/plain"
service = "work.work"
format = "json"

[channel.soap.soap]
url_path = "/soap"
service = "work.work"
limits.rate = "1/d"

[security.basic.app]
username = "app"
password = "a long and random password"

[security.apikey.app-key]
key = "a long and random key"

[security.basic.alone]
username = "alone"
password = "a long and random password"

[account.account.shop]
credentials = ["app", "app-key"]

[channel.http.shop]
url_path = "/shop"
service = "work.work"
format = "json"
security = ["app", "app-key", "alone"]
limits.rate_per_account = "3/d"

[channel.http.closed]
url_path = "/closed"
service = "work.work"
format = "json"
limits.allow_from = ["192.0.2.0/24"]
"""
SOURCE = """
import os

from hansa import Service


class Work(Service):
    def handle(self):
        return {"process": os.getpid()}
"""
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    "<s:Body><request/></s:Body></s:Envelope>"
)
PASSWORD = "a long and random password"
KEY = {"X-API-Key": "a long and random key"}
XML = {"Content-Type": "text/xml; charset=utf-8"}


def test_rates_hold_for_all_workers_and_say_so_in_each_protocol(start_server: Any):
    server = start_server(CONFIG, start=False)
    (server.folder / "work.py").write_text(SOURCE)
    server.start()
    processes: set[int] = set()

    def both_serve() -> bool:
        processes.add(server.post("/plain", {}).json()["process"])
        return len(processes) == 2

    wait_until(both_serve)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.post("/exact", {}), range(200)))
    assert Counter(answer.status_code for answer in answers) == {200: 31, 429: 169}
    accepted = [answer for answer in answers if answer.ok]
    left = sorted(answer.headers["RateLimit"].split(";")[1] for answer in accepted)
    assert left == sorted(f"r={number}" for number in range(31))

    refused = next(answer for answer in answers if not answer.ok)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "too-many-requests"
    assert refused.json()["cid"] == refused.headers["X-Hansa-CID"]
    assert 2700 <= int(refused.headers["Retry-After"]) <= 2788
    assert refused.headers["RateLimit-Policy"] == '"channel:31/d";q=31;w=86400'

    assert server.post("/soap", ENVELOPE, headers=XML).status_code == 200
    fault = server.post("/soap", ENVELOPE, headers=XML)
    assert fault.status_code == 429
    assert "Fault" in fault.text
    assert fault.headers["RateLimit"].startswith('"channel:1/d";r=0;t=')
    assert 86_000 < int(fault.headers["Retry-After"]) <= 86_400

    closed = server.post("/closed", {})
    assert (closed.status_code, closed.json()["code"]) == (403, "forbidden")
    limits = {"allow_from": ["127.0.0.0/8"], "rate_per_address": "1/d"}
    server.api("admin.channel.http.edit", name="closed", limits=limits)
    assert server.post("/closed", {}).status_code == 200
    assert server.post("/closed", {}).status_code == 429

    def shop(**options: Any) -> int:
        return server.post("/shop", {}, **options).status_code

    app, alone = ("app", PASSWORD), ("alone", PASSWORD)
    assert [shop(auth=app), shop(headers=KEY), shop(auth=app)] == [200, 200, 200]
    assert [shop(auth=app), shop(headers=KEY)] == [429, 429], "one account, two credentials"
    assert [shop(auth=alone) for _ in range(4)] == [200, 200, 200, 429]
    server.api("admin.account.edit", name="shop", credentials=["app"])
    wait_until(lambda: shop(headers=KEY) == 200, what="the key counts by itself")
    assert shop(auth=app) == 429
