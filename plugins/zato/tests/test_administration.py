"""Zato's admin API in a running server: every service that is there is called, family by family."""

from __future__ import annotations

import base64
import bz2
import contextlib
import datetime
import io
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import requests
import zeep
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hansa_devkit.harness.api_server import ApiError, RunningServer, servers
from hansa_devkit.harness.waiting import wait_until
from hansa_zato.administration.catalogue import declared
from hansa_zato.administration.crud import ObjectType
from hansa_zato.administration.families import (
    caches,
    connections,
    http,
    jobs,
    keyvalue,
    pubsub,
    samples,
    security,
    servers as server_family,
    services,
    statistics,
)
from hansa_zato.constants import zato_namespace
from hansa_zato.dialect.channel import stable_id
from hansa_zato_client import AnyServiceInvoker, JSONSIOClient, SOAPSIOClient

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
SOURCE = '''
from zato.server.service import Service

class Rate(Service):
    """Returns the rate of a day."""
    name = "rates.get"

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate",)

    def handle(self):
        self.response.payload.rate = self.request.input.day

class Told(Service):
    """Says through which channel it was called, and by whom."""
    name = "told.channel"

    def handle(self):
        self.response.payload = {"id": self.channel.id, "security": self.channel.security.id}
'''


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Zato:
    """A client of Zato's admin API, which remembers what it has called."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.called: set[str] = set()

    def post(self, name: str, /, **given: Any) -> requests.Response:
        auth = ("admin", self.server.password)
        return self.server.post(f"/zato/json/{name}", {"cluster_id": 1, **given}, auth=auth)

    def whole(self, name: str, /, **given: Any) -> Any:
        response = self.post(name, **given)
        answer = response.json()
        assert response.status_code == 200, (name, given, answer)
        assert answer["zato_env"]["result"] == "ZATO_OK"
        self.called.add(name)
        return answer

    def __call__(self, name: str, /, **given: Any) -> Any:
        """Call a service and return what is in its element; None if there is none."""
        element = name.replace(".", "_").replace("-", "_") + "_response"
        return self.whole(name, **given).get(element)

    def refused(self, name: str, status: int, /, **given: Any) -> str:
        response = self.post(name, **given)
        env = response.json()["zato_env"]
        assert (response.status_code, env["result"]) == (status, "ZATO_ERROR"), env
        assert "Traceback" not in env["details"]
        return str(env["details"])

    def id_of(self, list_name: str, name: str, /, **given: Any) -> int:
        [found] = [row["id"] for row in self(list_name, **given) if row["name"] == name]
        return int(found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[RunningServer]:
    """A server with all plugins and a Redis, and a service of the dialect."""
    with servers(tmp_path_factory.mktemp("servers")) as make:
        made = make(f'[redis]\naddress = "{valkey}"\n', workers=1, start=False)
        made.dir.mkdir(parents=True, exist_ok=True)
        for user, password in API_USERS.items():
            (made.dir / f"{user}.password").write_text(f"{password}\n")
        made.start()
        made.deploy("rates.py", SOURCE)
        yield made


@contextlib.contextmanager
def every_service_of(family: Any, server: RunningServer) -> Iterator[Zato]:
    """A client; at the end every service of the family that is there has been called."""
    zato = Zato(server)
    yield zato
    there = {one.name for one in family.SERVICES if one.status != "not"}
    assert there - zato.called == set()


def gone(call: Callable[[], object]) -> bool:
    """Whether what a call of the native API asks for is not there."""
    try:
        call()
    except ApiError as error:
        return error.status == 404
    return False


def test_services(running: RunningServer) -> None:
    with every_service_of(services, running) as zato:
        zato("zato.service.upload-package", payload_name="m.py", payload=base64_of(SOURCE_M))
        assert running.api("admin.service.get", name="m.mine")["version"] == 1
        mine = zato.id_of("zato.service.get-list", "m.mine")
        assert zato("zato.service.get-by-name", name="m.mine")["id"] == mine
        edited = zato("zato.service.edit", id=mine, is_active=True, slow_threshold=250)
        assert edited == {"id": mine, "name": "m.mine", "impl_name": "m.Mine"}
        [sampling] = running.api("admin.sample.settings", service="m.mine")["items"]
        assert sampling["slower_than"] == 250
        [row] = zato("zato.service.get-list", name_filter="m.min")
        assert (row["slow_threshold"], row["may_be_deleted"]) == (250, True)
        running.api("admin.channel.http.create", name="to m", url_path="/m", service="m.mine")
        [channel] = zato("zato.service.get-channel-list", id=mine, channel_type="plain_http")
        assert channel["name"] == "to m"
        assert zato("zato.service.get-channel-list", id=mine, channel_type="soap") == []
        assert not zato("zato.service.has-wsdl", service="m.mine")["has_wsdl"]
        assert zato.refused("zato.service.get-wsdl", 404, service="m.mine") == "No WSDL found"
        given = {"service": "m.mine", "wsdl": base64_of("<a/>"), "wsdl_name": "m.wsdl"}
        assert "no SOAP channel" in zato.refused("zato.service.set-wsdl", 404, **given)
        zato.called.add("zato.service.set-wsdl")  # another test sets one
        [deployed] = zato("zato.service.get-deployment-info-list", id=mine)
        assert deployed["details"]["file"] == "m.py"
        source = zato("zato.service.get-source-info", name="m.mine")
        assert base64.b64decode(source["source"]).decode() == SOURCE_M
        assert "to m" in zato.refused("zato.service.delete", 409, id=mine)
        running.api("admin.channel.http.delete", name="to m")
        wsdl = zato("zato.service.get-wsdl", service="zato.service.get-list")
        assert b"zato_service_get_list_response" in base64.b64decode(wsdl["wsdl"])
        zato("zato.service.delete", id=mine)
        assert gone(lambda: running.api("admin.service.get", name="m.mine"))


API_USERS = {"pubapi": secrets.token_hex(16), "admin.invoke": secrets.token_hex(16)}
SOURCE_M = "from zato.server.service import Service\nclass Mine(Service):\n    pass\n"


def test_samples(running: RunningServer) -> None:
    service = {"name": "rates.get"}
    with every_service_of(samples, running) as zato:
        zato("zato.service.configure-request-response", **service, sample_req_resp_freq=1)
        zato("zato.service.edit", id=stable_id("rates.get"), slow_threshold=0)
        running.post("/zato/api/invoke/rates.get", {"day": "1"}, auth=admin(running))
        found: dict[str, Any] = {}

        def is_kept() -> bool:
            found.update(zato("zato.service.get-request-response", **service))
            return bool(found["sample_cid"])

        wait_until(is_kept, 30)
        assert found["sample_req_resp_freq"] == 1
        assert json.loads(base64.b64decode(found["sample_req"])) == {"day": "1"}
        slow = zato("zato.service.slow-response.get-list", **service)
        assert found["sample_cid"] in [row["cid"] for row in slow]
        one = zato("zato.service.slow-response.get", **service, cid=found["sample_cid"])
        assert json.loads(base64.b64decode(one["resp"])) == {"response": {"rate": "1"}}
        zato.refused("zato.service.slow-response.get", 404, **service, cid="K0")
        running.api("admin.sample.settings", service="rates.get", off=True)


def test_jobs(running: RunningServer) -> None:
    job = {
        "job_type": "interval_based",
        "service": "rates.get",
        "start_date": "2026-12-01 10:00:00",
    }
    with every_service_of(jobs, running) as zato:
        made = zato("zato.scheduler.job.create", name="j", is_active=False, seconds=5, **job)
        found = running.api("admin.channel.schedule.get", name="j")
        assert (found["seconds"], found["job_type"], found["active"]) == (5, "interval", False)
        [row] = zato("zato.scheduler.job.get-list", name_filter="j")
        assert row == zato("zato.scheduler.job.get-by-name", name="j")
        assert (row["id"], row["service_name"], row["seconds"]) == (made["id"], "rates.get", 5)
        assert row["start_date"].startswith("2026-12-01")
        zato(
            "zato.scheduler.job.edit",
            id=made["id"],
            minutes=3,
            seconds=0,
            service="zato.ping",
            extra="{}",
        )
        found = running.api("admin.channel.schedule.get", name="j")
        assert (found["minutes"], found.get("seconds", 0), found["payload"]) == (3, 0, "{}")
        zato("zato.scheduler.job.execute", id=made["id"])
        zato("zato.scheduler.job.set-active-status", id=made["id"], is_active=True)
        assert running.api("admin.channel.schedule.get", name="j")["active"]
        zato("zato.scheduler.job.delete", id=made["id"])
        assert gone(lambda: running.api("admin.channel.schedule.get", name="j"))
        cron = {**job, "job_type": "cron_style", "cron_definition": "61 * * * *"}
        assert "cron" in zato.refused("zato.scheduler.job.create", 400, name="k", **cron)
        why = zato.refused("zato.scheduler.job.create", 400, name="k", job_type="yearly")
        assert "job_type" in why and "service" in why


def test_http(running: RunningServer) -> None:
    channel = {"connection": "channel", "transport": "plain_http"}
    outgoing = {"connection": "outgoing", "transport": "plain_http"}
    soap = {"connection": "channel", "transport": "soap"}
    with every_service_of(http, running) as zato:
        basic = zato("zato.security.basic-auth.create", name="caller", username="u", is_active=True)
        passwords = {"password1": "s3cret-enough", "password2": "s3cret-enough"}
        zato("zato.security.basic-auth.change-password", id=basic["id"], **passwords)
        given = {"url_path": "/rate/{day}", "service": "rates.get", "data_format": "json"}
        running.api("admin.data.cache.create", name="answers")
        whole = zato.whole(
            "zato.http-soap.create",
            name="rate",
            is_active=True,
            **channel,
            **given,
            security_id=basic["id"],
            cache_name="answers",
            content_encoding="deflate",
        )
        assert "content_encoding" in whole["zato_env"]["details"]
        id = whole["zato_http_soap_create_response"]["id"]
        kept = running.api("admin.channel.http.get", name="rate")["response_cache"]
        assert kept["cache"] == "answers"
        assert running.get("/rate/7").status_code == 401
        allowed = running.get("/rate/7", auth=("u", "s3cret-enough"))
        assert allowed.json() == {"response": {"rate": "7"}}
        told = {"url_path": "/told", "service": "told.channel", "data_format": "json"}
        made = zato(
            "zato.http-soap.create",
            name="told",
            is_active=True,
            **channel,
            **told,
            security_id=basic["id"],
        )
        answer = running.get("/told", auth=("u", "s3cret-enough")).json()
        assert answer == {"id": made["id"], "security": basic["id"]}
        zato("zato.http-soap.delete", id=made["id"])
        [row] = zato("zato.http-soap.get-list", **channel, query="rat")
        assert (row["id"], row["security_id"], row["sec_type"]) == (
            id,
            basic["id"],
            "basic_auth",
        )
        assert (row["connection"], row["transport"]) == ("channel", "plain_http")
        zato("zato.http-soap.edit", id=id, name="rate", **channel, security_id="ZATO_NONE")
        assert running.get("/rate/8").json() == {"response": {"rate": "8"}}
        why = zato.refused(
            "zato.http-soap.create", 400, name="x", **channel, **given, has_rbac=True
        )
        assert "has_rbac" in why
        why = zato.refused("zato.http-soap.create", 400, name="x", connection="sideways")
        assert "connection" in why
        made = zato(
            "zato.http-soap.create",
            name="rate soap",
            **soap,
            soap_action="rate",
            **{**given, "url_path": "/rates.soap"},
        )
        assert running.api("admin.channel.soap.get", name="rate soap")["soap_action"] == "rate"
        assert zato("zato.service.has-wsdl", service="rates.get")["has_wsdl"]
        wsdl = running.get("/zato/wsdl?service=rates.get&cluster_id=1")
        assert wsdl.headers["Content-Disposition"] == 'attachment; filename="rates.get.wsdl"'
        ours = wsdl.content.replace(b'name="PortType">', b'name="PortType"><!-- ours -->')
        sent = base64.b64encode(ours).decode()
        zato("zato.service.set-wsdl", service="rates.get", wsdl=sent, wsdl_name="rates.wsdl")
        got = zato("zato.service.get-wsdl", service="rates.get")["wsdl"]
        assert base64.b64decode(got) == ours
        rate = zeep_client(wsdl.content)
        assert rate.service.Get(day="4")["item"]["rate"] == "4"
        zato("zato.http-soap.delete", id=made["id"])
        out = zato(
            "zato.http-soap.create",
            name="self",
            is_active=True,
            **outgoing,
            host=running.url,
            url_path="/zato/ping",
            ping_method="GET",
        )
        assert "status 200" in zato("zato.http-soap.ping", id=out["id"])["info"]
        zato("zato.http-soap.reload-wsdl", id=out["id"])
        assert running.api("admin.outgoing.http.get", name="self")["active"]
        signed = zato.whole("zato.http-soap.edit", id=out["id"], security_id=basic["id"])
        assert "change-password" in signed["zato_env"]["details"]
        zato("zato.security.basic-auth.change-password", id=basic["id"], **passwords)
        assert running.api("admin.security.basic.get", name="caller")["signs"]
        for made in (out["id"], id):
            zato("zato.http-soap.delete", id=made)
        zato("zato.security.basic-auth.delete", id=basic["id"])
        assert gone(lambda: running.api("admin.channel.http.get", name="rate"))


def test_all_security_definitions(running: RunningServer) -> None:
    zato = Zato(running)
    made = zato("zato.security.apikey.create", name="key of all", username="X-All", is_active=True)
    rows = zato("zato.security.get-list", sec_type="apikey")
    found = [(row["id"], row["username"]) for row in rows if row["name"] == "key of all"]
    assert found == [(made["id"], "X-All")]
    assert "key of all" not in [
        row["name"] for row in zato("zato.security.get-list", sec_type="wss")
    ]
    names = [row["name"] for row in zato("zato.security.get-list", needs_internal=True)]
    assert "admin" in names
    zato("zato.security.apikey.delete", id=made["id"])


def test_input_is_logged(running: RunningServer) -> None:
    Zato(running).whole("zato.helpers.sio-input-logger", name="logged by a test")
    assert "logged by a test" in running.log()


def test_outgoing_sql_is_pinged_by_itself(running: RunningServer) -> None:
    assert Zato(running).whole("zato.outgoing.sql.auto-ping")["zato_env"]["details"] == ""


def test_key_value(running: RunningServer) -> None:
    dictionary, translation = "zato.kvdb.data-dict.dictionary", "zato.kvdb.data-dict.translation"
    with every_service_of(keyvalue, running) as zato:
        zato("zato.kvdb.log-connection-info")
        execute = "zato.kvdb.remote-command.execute"
        assert zato(execute, command="SET a 1")["result"]
        assert zato(execute, command="GET a") == {"result": "1"}
        assert "command" in zato.refused(execute, 400, command="FLUSHALL")
        crm = {"system": "CRM", "key": "currency", "value": "USD"}
        erp = {"system": "ERP", "key": "cur", "value": "840"}
        first = zato(f"{dictionary}.create", **crm)["id"]
        second = zato(f"{dictionary}.create", **erp)["id"]
        assert {"id": first, **crm} in zato(f"{dictionary}.get-list")
        assert zato(f"{dictionary}.get-last-id")["value"] == max(first, second)
        assert zato(f"{dictionary}.get-system-list") == [{"name": "CRM"}, {"name": "ERP"}]
        assert zato(f"{dictionary}.get-key-list", system="ERP") == [{"name": "cur"}]
        values = zato(f"{dictionary}.get-value-list", system="ERP", key="cur")
        assert values == [{"name": "840"}]
        names = {f"{name}1": value for name, value in crm.items()}
        names |= {f"{name}2": value for name, value in erp.items()}
        made = zato(f"{translation}.create", **names)["id"]
        [row] = zato(f"{translation}.get-list")
        assert row == {"id": made, **names, "id1": first, "id2": second}
        assert zato(f"{translation}.get-last-id")["value"] == made
        asked = {name: value for name, value in names.items() if name != "value2"}
        found = zato(f"{translation}.translate", **asked)
        assert (found["value2"], found["repr"], found["hex"]) == ("840", "'840'", "383430")
        assert "is used by" in zato.refused(f"{dictionary}.delete", 409, id=first)
        edited = zato(f"{dictionary}.edit", id=second, **{**erp, "value": "841"})["id"]
        zato(f"{translation}.edit", id=made, **{**names, "value1": "USD", "value2": "841"})
        assert running.api("admin.translation.list")["items"][0]["value2"] == "841"
        zato(f"{translation}.delete", id=made)
        zato(f"{dictionary}.delete", id=first)
        zato(f"{dictionary}.delete", id=edited)
        exported = {"meta": {}, "data": {"dict_list": [crm], "translation_list": []}}
        packed = base64.b64encode(bz2.compress(json.dumps(exported).encode())).decode()
        zato("zato.kvdb.data-dict.impexp.import", data=packed)
        assert running.api("admin.dictionary.list")["total"] == 1
        for wrong in ("?", base64_of("no bz2"), packed[:40]):
            assert "data" in zato.refused("zato.kvdb.data-dict.impexp.import", 400, data=wrong)
        zato(f"{dictionary}.delete", id=first)


def test_servers(running: RunningServer) -> None:
    with every_service_of(server_family, running) as zato:
        [server] = zato("zato.service.get-deployment-info-list", name="rates.get")
        shown = zato("zato.server.get-by-id", id=server["server_id"])
        assert (shown["name"], shown["up_status"]) == (server["server_name"], "running")
        assert zato("zato.info.get-info")["info"]["revision"]
        assert zato("zato.info.get-server-info")["info"]["cluster_name"]
        zato.refused("zato.server.get-by-id", 404, id=1)


def test_statistics(running: RunningServer) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    span = {
        "start": str(now - datetime.timedelta(hours=1)),
        "stop": str(now + datetime.timedelta(hours=1)),
    }
    with every_service_of(statistics, running) as zato:
        running.post("/zato/api/invoke/rates.get", {"day": "1"}, auth=admin(running))
        wanted = {"service_id": stable_id("rates.get"), **span}

        def is_counted() -> bool:
            return bool(zato("zato.stats.get-by-service", **wanted)["usage"])

        wait_until(is_counted, 60)
        for name in ("trends.get-trends", "summary.get-summary-by-range"):
            rows = zato(f"zato.stats.{name}", **span, n=100, n_type="usage")
            assert "rates.get" in [row["service_name"] for row in rows]
        day = {"start": now.date().isoformat(), "n": 1000}
        for period in ("day", "week", "month", "year"):
            rows = zato(f"zato.stats.summary.get-summary-by-{period}", **day)
            assert all(row["mean"] >= 0 for row in rows)
            zato(f"zato.stats.summary.create-summary-by-{period}")
        for step in ("minute", "hour", "day", "month"):
            zato(f"zato.stats.aggregate-by-{step}")
        zato("zato.stats.process-raw-times")
        why = zato.refused(
            "zato.stats.trends.get-trends", 400, start="yesterday", stop=span["stop"]
        )
        assert "start" in why
        for start in ("9999-12-31", "0001-01-01T00:00:00+14:00"):
            name = "zato.stats.summary.get-summary-by-year"
            assert "start" in zato.refused(name, 400, start=start)


def test_publish_subscribe(running: RunningServer) -> None:
    queue = {"source_type": "CONSUMER_QUEUE"}
    with every_service_of(pubsub, running) as zato:
        owner = zato("zato.security.basic-auth.create", name="reader", username="r", is_active=True)
        client = {"client_id": owner["id"], "topic_name": "rates.new"}
        topic = zato("zato.pubsub.topics.create", name="rates.new", is_active=True, max_depth=3)
        zato("zato.pubsub.topics.edit", id=topic["id"], name="rates.new", max_depth=5)
        running.api("admin.topic.edit", name="rates.new", before_publish="", expiry=600)
        assert running.api("admin.topic.get", name="rates.new")["max_depth"] == 5
        made = zato("zato.pubsub.consumers.create", delivery_mode="pull", max_depth=7, **client)
        assert (made["name"], made["sub_key"]) == ("reader", "reader.rates.new")
        producer = zato("zato.pubsub.producers.create", **client, is_active=True)
        [row] = zato("zato.pubsub.producers.get-list", topic_name="rates.new")
        assert (row["id"], row["name"], row["client_id"]) == (producer["id"], "reader", owner["id"])
        assert (
            zato("zato.pubsub.producers.get-info", id=producer["id"])["topic_name"] == "rates.new"
        )
        zato("zato.pubsub.producers.edit", id=producer["id"], is_active=True)
        assert "deleted" in zato.refused(
            "zato.pubsub.producers.edit", 400, id=producer["id"], is_active=False
        )
        sent = {"name": "rates.new", "payload": "3.1", "priority": 7, "expiration": 60}
        message = zato("zato.pubsub.topics.publish", mime_type="text/plain", **sent)["msg_id"]
        info = {"current_depth": 1, "consumers_count": 1, "producers_count": 1}
        assert zato("zato.pubsub.topics.get-info", name="rates.new") == info
        [row] = zato("zato.pubsub.topics.get-list", name_filter="rates.new")
        assert (row["id"], row["max_depth"]) == (topic["id"], 5)
        assert {name: row[name] for name in info} == info
        [row] = zato("zato.pubsub.consumers.get-list", topic_name="rates.new")
        assert (row["id"], row["current_depth"], row["is_active"]) == (made["id"], 1, True)
        assert zato("zato.pubsub.consumers.get-info", id=made["id"])["current_depth"] == 1
        listed = [
            zato("zato.pubsub.message.get-list", source_name="reader.rates.new", **queue),
            zato("zato.pubsub.message.get-list", source_name="rates.new", source_type="TOPIC"),
        ]
        for [row] in listed:
            assert (row["msg_id"], row["priority"], row["expiration"]) == (message, 7, 60)
            assert "payload" not in row
        assert zato("zato.pubsub.message.get", msg_id=message)["payload"] == "3.1"
        zato.refused("zato.pubsub.message.get-list", 404, source_name="no", source_type="TOPIC")
        callback = {"id": made["id"], "delivery_mode": "callback-url"}
        assert "callback_id" in zato.refused("zato.pubsub.consumers.edit", 400, **callback)
        zato("zato.pubsub.consumers.edit", id=made["id"], is_active=True, delivery_mode="pull")
        clear = {"client_id": owner["id"], "queue_type": "CONSUMER_QUEUE"}
        in_flight = {**clear, "queue_type": "CONSUMER_IN_FLIGHT_QUEUE"}
        zato.refused("zato.pubsub.consumers.clear-queue", 400, **in_flight)
        zato("zato.pubsub.consumers.clear-queue", **clear)
        assert zato("zato.pubsub.topics.get-info", name="rates.new")["current_depth"] == 0
        zato("zato.pubsub.producers.delete", id=producer["id"])
        found = running.api("admin.topic.get", name="rates.new")
        assert (found["publishers"], found["expiry"]) == ([], 600)
        zato("zato.pubsub.consumers.delete", id=made["id"])
        zato("zato.pubsub.topics.delete", id=topic["id"])
        zato("zato.security.basic-auth.delete", id=owner["id"])


def test_caches(running: RunningServer) -> None:
    with every_service_of(caches, running) as zato:
        made = zato("zato.cache.builtin.create", name="mine", is_active=True, max_size=10)
        zato("zato.cache.builtin.edit", id=made["id"], name="mine", max_size=20)
        entry = {"cache_id": made["id"], "key": "a"}
        prefix = "zato.cache.builtin.entry"
        zato(f"{prefix}.create", **entry, value={"b": [1]}, expiry=600)
        found = zato(f"{prefix}.get", **entry)
        assert (found["key"], found["value"]) == ("a", {"b": [1]})
        assert found["expiry"] > 0
        zato(f"{prefix}.update", **entry, value="c")
        assert zato(f"{prefix}.get", **entry)["value"] == "c"
        assert [row["key"] for row in zato(f"{prefix}.get-list", cache_id=made["id"])] == ["a"]
        rows = {row["name"]: row for row in zato("zato.cache.builtin.get-list")}
        assert (rows["mine"]["id"], rows["mine"]["current_size"]) == (made["id"], 1)
        assert rows["mine"]["max_size"] == 20
        zato(f"{prefix}.delete", **entry)
        zato.refused(f"{prefix}.get", 404, **entry)
        zato.refused(f"{prefix}.get", 404, cache_id=1, key="a")
        zato("zato.cache.builtin.clear", id=made["id"])
        zato("zato.cache.builtin.delete", id=made["id"])


def zeep_client(wsdl: bytes) -> zeep.Client:
    """A client of what a WSDL describes, by a library that others use."""
    return zeep.Client(io.BytesIO(wsdl))


def admin(server: RunningServer) -> tuple[str, str]:
    return "admin", server.password


def names_of(prefix: str) -> Iterator[str]:
    return (name for name in declared() if name.startswith(f"{prefix}."))


class Sample(NamedTuple):
    """An object to be made: what is given, a setting that it is here, and what an edit changes."""

    given: dict[str, Any]
    setting: tuple[str, Any]
    edit: dict[str, Any]
    edited: tuple[str, Any]


PEER = {"host": "127.0.0.1", "port": 1}
BROKER = {**PEER, "username": "u", "password": "p"}
SAMPLES = {
    "zato.channel.amqp": Sample(
        {**BROKER, "queue": "q", "service": "rates.get", "data_format": "json"},
        ("queue", "q"),
        {"queue": "other"},
        ("queue", "other"),
    ),
    "zato.channel.jms-wmq": Sample(
        {
            **BROKER,
            "queue": "IN",
            "service": "rates.get",
            "queue_manager": "QM1",
            "channel": "DEV.APP.SVRCONN",
        },
        ("queue", "IN"),
        {"queue": "IN.2"},
        ("queue", "IN.2"),
    ),
    "zato.channel.zmq": Sample(
        {"address": "tcp://127.0.0.1:5599", "socket_type": "PULL", "service": "rates.get"},
        ("service", "rates.get"),
        {"address": "tcp://127.0.0.1:5600"},
        ("service", "rates.get"),
    ),
    "zato.outgoing.amqp": Sample(
        {**BROKER, "delivery_mode": 1},
        ("persistent", False),
        {"delivery_mode": 2},
        ("persistent", True),
    ),
    "zato.outgoing.jms-wmq": Sample(
        {**BROKER, "queue_manager": "QM1", "channel": "DEV.APP.SVRCONN"},
        ("queue_manager", "QM1"),
        {"queue_manager": "QM2"},
        ("queue_manager", "QM2"),
    ),
    "zato.outgoing.zmq": Sample(
        {"address": "tcp://127.0.0.1:5599", "socket_type": "PUSH"},
        ("active", False),
        {"address": "tcp://127.0.0.1:5600"},
        ("active", False),
    ),
    "zato.outgoing.ftp": Sample(
        {"host": "127.0.0.1", "port": 1, "user": "u"}, ("port", 1), {"port": 2}, ("port", 2)
    ),
    "zato.outgoing.odoo": Sample(
        {**PEER, "protocol": "xmlrpc", "user": "u", "database": "d"},
        ("database", "d"),
        {"database": "e"},
        ("database", "e"),
    ),
    "zato.outgoing.sql": Sample(
        {**PEER, "engine": "postgresql", "db_name": "d", "username": "u"},
        ("active", False),
        {"pool_size": 3},
        ("max_connections", 3),
    ),
    "zato.definition.cassandra": Sample(
        {"contact_points": "127.0.0.1", "port": 1, "default_keyspace": "k"},
        ("keyspace", "k"),
        {"default_keyspace": "l"},
        ("keyspace", "l"),
    ),
    "zato.cloud.aws.s3": Sample(
        {"address": "https://s3.example.com", "bucket": "b", "security_id": "aws"},
        ("bucket", "b"),
        {"bucket": "c"},
        ("bucket", "c"),
    ),
    "zato.cloud.openstack.swift": Sample(
        {"auth_url": "http://127.0.0.1:1/auth/v1.0", "user": "u", "key": "k", "auth_version": "1"},
        ("active", False),
        {"pool_size": 3},
        ("max_connections", 3),
    ),
    "zato.notif.cloud.openstack.swift": Sample(
        {
            "auth_url": "http://127.0.0.1:1/auth/v1.0",
            "user": "u",
            "key": "k",
            "auth_version": "1",
            "containers": "c",
            "service": "rates.get",
            "interval": 5,
        },
        ("service", "rates.get"),
        {"interval": 7},
        ("service", "rates.get"),
    ),
    "zato.email.smtp": Sample(
        {**PEER, "mode": "plain", "username": "u"}, ("port", 1), {"port": 2}, ("port", 2)
    ),
    "zato.email.imap": Sample(
        {**PEER, "mode": "plain", "username": "u"}, ("port", 1), {"port": 2}, ("port", 2)
    ),
    "zato.search.es": Sample(
        {"hosts": "127.0.0.1:1"}, ("active", False), {"timeout": 3}, ("timeout", 3)
    ),
    "zato.search.solr": Sample(
        {"address": "http://127.0.0.1:1/solr/core"},
        ("active", False),
        {"timeout": 3},
        ("timeout", 3),
    ),
    "zato.message.namespace": Sample(
        {"value": "http://example.com/a"},
        ("active", False),
        {"value": "http://example.com/b"},
        ("active", False),
    ),
    "zato.message.xpath": Sample(
        {"value": "//a"}, ("active", False), {"value": "//b"}, ("active", False)
    ),
    "zato.message.json-pointer": Sample(
        {"value": "/a"}, ("active", False), {"value": "/b"}, ("active", False)
    ),
    "zato.security.apikey": Sample(
        {"username": "X-Key"}, ("header", "X-Key"), {"username": "X-Other"}, ("header", "X-Other")
    ),
    "zato.security.aws": Sample(
        {"username": "A1"}, ("access_key_id", "A1"), {"username": "A2"}, ("access_key_id", "A2")
    ),
    "zato.security.basic-auth": Sample(
        {"username": "u", "realm": "r"}, ("realm", "r"), {"realm": "s"}, ("realm", "s")
    ),
    "zato.security.ntlm": Sample(
        {"username": "D\\u"}, ("domain", "D"), {"username": "E\\u"}, ("domain", "E")
    ),
    "zato.security.oauth": Sample(
        {"username": "k", "sig_method": "HMAC-SHA1"},
        ("consumer_key", "k"),
        {"username": "l"},
        ("consumer_key", "l"),
    ),
    "zato.security.openstack": Sample(
        {"username": "v"}, ("signs", True), {"username": "w"}, ("username", "w")
    ),
    "zato.security.tech-account": Sample(
        {"username": "v"}, ("username", "v"), {"username": "w"}, ("username", "w")
    ),
    "zato.security.jwt": Sample(
        {"username": "v"}, ("username", "v"), {"username": "w"}, ("username", "w")
    ),
    "zato.security.wss": Sample(
        {"username": "u", "reject_expiry_limit": 60},
        ("reject_expiry_limit", 60),
        {"reject_expiry_limit": 90},
        ("reject_expiry_limit", 90),
    ),
    "zato.security.xpath": Sample(
        {"username": "u", "username_expr": "//u", "password_expr": "//p"},
        ("username_expr", "//u"),
        {"username_expr": "//v"},
        ("username_expr", "//v"),
    ),
}
"""An object of each type but those of certificates, which have tests of their own."""


def native(type: ObjectType, action: str = "get") -> str:
    [mapping] = type.mappings
    return f"admin.{mapping.kind}.{mapping.type}.{action}"


@pytest.mark.parametrize(
    "type", [*connections.TYPES, *security.TYPES], ids=lambda type: type.prefix
)
def test_objects(running: RunningServer, type: ObjectType) -> None:
    """Each type: made, shown, changed and deleted, as the native API sees it."""
    zato = Zato(running)
    is_certificate = type.prefix.startswith("zato.security.tls.")
    sample = certificates(type.prefix) if is_certificate else SAMPLES[type.prefix]
    given, setting, edit, edited = sample
    if given.get("security_id") == "aws":
        aws = zato("zato.security.aws.create", name="for s3", username="A", is_active=True)
        given = {**given, "security_id": aws["id"]}
    inactive = {"is_active": False, **given}
    made = zato(f"{type.prefix}.create", name="Café 1", **inactive)
    assert made["name"] == "Café 1"
    found = running.api(native(type), name="Café 1")
    assert found.get(setting[0]) == setting[1], found
    assert not found["active"]
    [row] = [
        row for row in zato(f"{type.prefix}.get-list", name_filter="caf") if row["id"] == made["id"]
    ]
    assert (row["name"], row["is_active"]) == ("Café 1", False)
    assert "p" not in [row.get("password"), row.get("key")]
    if "get-by-id" in type.actions:
        assert zato(f"{type.prefix}.get-by-id", id=made["id"]) == row
    zato(f"{type.prefix}.edit", id=made["id"], name="Café 1", **edit)
    found = running.api(native(type), name="Café 1")
    assert found.get(edited[0]) == edited[1], found
    assert "keeps its name" in zato.refused(f"{type.prefix}.edit", 400, id=made["id"], name="other")
    if "change-password" in type.actions:
        passwords = {"password1": "a-long-password", "password2": "a-long-password"}
        zato(f"{type.prefix}.change-password", id=made["id"], **passwords)
        passwords["password2"] = "another"
        why = zato.refused(f"{type.prefix}.change-password", 400, id=made["id"], **passwords)
        assert "not the same" in why
    if "ping" in type.actions:
        # the other side is not there, and the definition is not in use
        zato.refused(f"{type.prefix}.ping", 503, id=made["id"])
        zato.called.add(f"{type.prefix}.ping")
    zato(f"{type.prefix}.delete", id=made["id"])
    assert gone(lambda: running.api(native(type), name="Café 1"))
    assert "has the id" in zato.refused(f"{type.prefix}.delete", 404, id=made["id"])
    assert set(names_of(type.prefix)) - zato.called - {"zato.outgoing.sql.auto-ping"} == set()
    if given.get("security_id"):
        zato("zato.security.aws.delete", id=given["security_id"])


def certificates(prefix: str) -> Sample:
    """An authority, or a certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "zato")])
    begin = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(PEM).decode()
    unencrypted = serialization.NoEncryption()
    pair = pem + key.private_bytes(PEM, PKCS8, unencrypted).decode()
    if prefix.endswith("ca-cert"):
        return Sample({"value": pem}, ("active", False), {"is_active": False}, ("active", False))
    return Sample({"value": pair}, ("active", False), {"is_active": False}, ("active", False))


# -- who may, and by what ------------------------------------------------------------------------


def zato_list(server: RunningServer, path: str, auth: tuple[str, str] | None) -> requests.Response:
    body: dict[str, Any] = {"cluster_id": 1, "name_filter": "rates"}
    if path == "/zato/admin/invoke":
        payload = base64_of(json.dumps(body))
        body = {"name": "zato.service.get-list", "payload": payload, "data_format": "json"}
    return server.post(path, body, auth=auth)


@pytest.mark.parametrize("path", ["/zato/json/zato.service.get-list", "/zato/admin/invoke"])
@pytest.mark.parametrize("user", API_USERS)
def test_users_of_the_api(running: RunningServer, path: str, user: str) -> None:
    assert zato_list(running, path, (user, API_USERS[user])).status_code == 200
    for auth in (None, (user, "wrong"), ("nobody", "x")):
        refused = zato_list(running, path, auth)
        assert refused.status_code == 401
        assert refused.json()["zato_env"]["result"] == "ZATO_ERROR"


def test_a_caller_without_the_right_is_refused(running: RunningServer) -> None:
    """A viewer may look, and neither change, operate nor invoke; the native API says the same."""
    password = secrets.token_hex(16)
    running.api("admin.security.basic.create", name="vi", username="vi", password=password)
    running.api("admin.account.create", name="vi", credentials=["vi"], roles=["viewer"])
    viewer = ("vi", password)

    def call(name: str, /, **given: Any) -> requests.Response:
        return running.post(f"/zato/json/{name}", given, auth=viewer)

    assert call("zato.service.get-list").status_code == 200
    assert call("zato.security.basic-auth.get-list").status_code == 200
    assert call("zato.service.has-wsdl", service="rates.get").status_code == 200
    refused = [
        call("zato.kvdb.log-connection-info"),
        call("zato.helpers.sio-input-logger", name="not logged"),
        call("zato.security.basic-auth.create", name="mine", username="m", is_active=True),
        call(
            "zato.scheduler.job.create",
            name="j",
            job_type="one_time",
            service="rates.get",
            start_date="2030-01-01 00:00:00",
        ),
        call("zato.service.upload-package", payload_name="x.py", payload=base64_of("x = 1")),
        call("zato.service.delete", name="rates.get"),
        call("zato.kvdb.remote-command.execute", command="SET x 1"),
        call("rates.get", day="1"),
        running.post("/zato/api/invoke/rates.get", {"day": "1"}, auth=viewer),
        running.post("/zato/admin/invoke", {"name": "rates.get"}, auth=viewer),
    ]
    for response in refused:
        assert response.status_code == 403, response.text
        assert "may be called by" in response.json()["zato_env"]["details"]
    assert gone(lambda: running.api("admin.security.basic.get", name="mine"))
    running.api("admin.account.edit", name="vi", roles=[])
    # whether or not there is such a service
    for action in ("has-wsdl", "get-wsdl", "delete", "get-channel-list"):
        for named in ({"service": "rates.get"}, {"service": "rates.got"}, {"id": 7}):
            response = call(f"zato.service.{action}", **named)
            assert response.status_code == 403
            assert "rates.get" not in response.text
    running.api("admin.account.delete", name="vi")
    running.api("admin.security.basic.delete", name="vi")


def test_by_the_classes_of_zato_client(running: RunningServer) -> None:
    """Over SOAP, over JSON and through /zato/admin/invoke, as programs call Zato."""
    auth = ("pubapi", API_USERS["pubapi"])
    name = "zato.security.basic-auth"
    soap = SOAPSIOClient(running.url, "/zato/soap", auth)
    body = f"""<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
        <zato_security_basic_auth_create_request xmlns="{zato_namespace}">
        <cluster_id>1</cluster_id><name>by soap</name><is_active>true</is_active><username>s</username>
        </zato_security_basic_auth_create_request></soap:Body></soap:Envelope>"""
    made = soap.invoke(f"{name}.create", body)
    assert made.ok, made.details
    assert made.data.name == "by soap"
    assert running.api("admin.security.basic.get", name="by soap")["username"] == "s"
    empty = body.replace("basic_auth_create", "basic_auth_get_list")
    rows = soap.invoke(f"{name}.get-list", empty)
    assert [str(row.name) for row in rows.data if row.name == "by soap"] == ["by soap"]
    again = soap.invoke(f"{name}.create", body)
    assert not again.ok
    assert "exists" in again.details
    unknown = soap.invoke("zato.nothing", body)
    assert not unknown.ok

    listed = JSONSIOClient(running.url, f"/zato/json/{name}.get-list", auth).invoke(
        {"cluster_id": 1}
    )
    assert listed.ok
    assert "by soap" in [row["name"] for row in listed.data]

    invoker = AnyServiceInvoker(
        running.url, "/zato/admin/invoke", ("admin.invoke", API_USERS["admin.invoke"])
    )
    found = invoker.invoke(f"{name}.get-list", {"cluster_id": 1, "name_filter": "by soap"})
    assert found.ok
    assert [row["name"] for row in found.data] == ["by soap"]
    gone_now = invoker.invoke(f"{name}.delete", {"id": found.data[0]["id"]})
    assert gone_now.ok
    assert gone(lambda: running.api("admin.security.basic.get", name="by soap"))
    assert invoker.invoke("rates.get", {"day": "2"}).data == {"response": {"rate": "2"}}


def test_the_wsdl_of_the_admin_api(running: RunningServer) -> None:
    """A library that others use calls a service of it by its WSDL."""
    wsdl = running.get("/zato/wsdl?service=zato.service.get-list&cluster_id=1")
    session = requests.Session()
    session.auth = ("pubapi", API_USERS["pubapi"])
    client = zeep.Client(io.BytesIO(wsdl.content), transport=zeep.Transport(session=session))
    answer = client.service.GetList(cluster_id=1, name_filter="rates")
    assert [item["name"] for item in answer["item_list"]["item"]] == ["rates.get"]
    assert running.get("/zato/wsdl?service=zato.nothing").status_code == 404
    assert running.get("/zato/wsdl").text == "No WSDL found"


def test_plain_json(running: RunningServer) -> None:
    def post(name: str) -> requests.Response:
        return running.post(f"/zato/api/invoke/{name}", {"day": "3"}, auth=admin(running))

    assert post("rates.get").json() == {"response": {"rate": "3"}}
    assert post("zato.nothing").status_code == 404
    assert running.get("/zato-lb-alive").status_code == 200


def test_ids_are_the_same_after_a_restart_and_pages_have_figures(running: RunningServer) -> None:
    zato = Zato(running)
    for number in range(7):
        zato("zato.security.apikey.create", name=f"page {number}", username=f"X-{number}")
    asked = {"query": "page", "paginate": True, "page_size": 3}
    whole = zato.whole("zato.security.apikey.get-list", **asked, cur_page=3)
    rows = whole["zato_security_apikey_get_list_response"]
    assert [row["name"] for row in rows] == ["page 6"]
    figures = whole["_meta"]
    assert (figures["total"], figures["num_pages"], figures["has_next_page"]) == (7, 3, False)
    assert "cur_page" in zato.refused(
        "zato.security.apikey.get-list", 400, **{**asked, "cur_page": 0}
    )
    listed = zato("zato.security.apikey.get-list", query="page -3")
    assert len(listed) == 6
    ids = {row["name"]: row["id"] for row in listed}
    running.api("admin.server.reload")
    again = {
        row["name"]: row["id"] for row in zato("zato.security.apikey.get-list", query="page -3")
    }
    assert again == ids
    for row in zato("zato.security.apikey.get-list", query="page"):
        zato("zato.security.apikey.delete", id=row["id"])


def test_each_service_is_judged_or_does_nothing() -> None:
    free = [one for one in declared().values() if one.work and not one.uses and not one.right]
    assert {one.work for one in free} == {connections.nothing, statistics.nothing}


def test_what_is_not_there_says_why(running: RunningServer) -> None:
    zato = Zato(running)
    for one in declared().values():
        if one.status == "not":
            assert one.missing in zato.refused(one.name, 404)
        else:
            assert zato.post(one.name).status_code != 404, one.name
