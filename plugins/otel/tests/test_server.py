"""A running server sends its telemetry to a collector, over TLS and with a login: each step of a
message as a span, the statistics as metrics; and serves as ever when the collector does not.
"""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_redis.engine import Valkey
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from plugins.otel.tests.collector import Collector
from plugins.redis.tests.support import end, launch
from tests.commands import hansa

LOGIN = "Bearer s3cr3t-of-the-collector"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CID = "order-of-a-test"
SOURCE = """
from hansa import Invalid, Service


class Place(Service):
    def handle(self):
        self.outgoing.http["rates"].get()
        self.server.invoke_async("orders.bill", None, cid=self.cid)
        return {"rate": self.invoke("orders.compute")}


class Rate(Service):
    def handle(self):
        return {"rate": 7}


class Compute(Service):
    def handle(self):
        return 7


class Bill(Service):
    def handle(self):
        return None


class Refuse(Service):
    def handle(self):
        raise Invalid("never valid")
"""
CONFIG = """
[redis]
address = "{redis}"

[otel]
enabled = true
endpoint = "{endpoint}"
headers = {{ Authorization = {{ "$file" = "{login}" }} }}
tls_ca = "{ca}"
traces_interval = 0.2
metrics_interval = 0.2
timeout = 2
max_waiting = 100
resource = {{ "deployment.environment.name" = "tests" }}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, its key and a login."""
    folder = tmp_path_factory.mktemp("collector")
    files = ["-keyout", "key.pem", "-out", "collector.pem"]
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    name = ["-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [*command.split(), *name, *files]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=20)
    (folder / "login").write_text(LOGIN + "\n")
    return folder


@pytest.fixture(scope="module")
def collector(files: Path) -> Iterator[Collector]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "collector.pem", files / "key.pem")
    collector = Collector(context, LOGIN)
    yield collector
    collector.stop()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = Valkey(tmp_path_factory.mktemp("v"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(scope="module")
def server(
    start_shared_server: Callable[..., RunningServer], collector: Collector, files: Path, redis: str
) -> RunningServer:
    plugins = ["otel", "trace", "stats", "queue", "redis", "roles"]
    config = CONFIG.format(
        redis=redis, endpoint=collector.address, login=files / "login", ca=files / "collector.pem"
    )
    server = start_shared_server(config, workers=1, plugins=plugins)
    server.deploy("orders.py", SOURCE)
    for name in ("place", "rate", "refuse"):
        settings = {"url_path": f"/{name}", "service": f"orders.{name}", "format": "json"}
        server.api("admin.channel.http.create", name=name, **settings)
    server.api("admin.outgoing.http.create", name="rates", address=f"{server.url}/rate")
    return server


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


@pytest.mark.evidence("tls")
def test_each_step_is_a_span(server: RunningServer, collector: Collector):
    headers = {"X-Hansa-CID": CID, "traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "a=1"}
    assert server.post("/place", {}, headers=headers).json() == {"rate": 7}
    names = ["http place", "http rates", "http rate", "orders.compute", "orders.bill"]
    wait_until(lambda: all(collector.named(name) for name in names), 30)
    found = {name: collector.named(name)[0] for name in names}
    assert {span.trace_id.hex() for span in found.values()} == {TRACE}
    assert {span.trace_state for span in found.values()} == {"a=1"}
    assert {attributes(span)["hansa.cid"] for span in found.values()} == {CID}
    place = found["http place"]
    assert place.parent_span_id.hex() == CALLER
    assert {found[name].parent_span_id for name in names[1:]} == {place.span_id}
    assert {name: span.kind for name, span in found.items()} == {
        "http place": Span.SPAN_KIND_SERVER,
        "http rates": Span.SPAN_KIND_CLIENT,
        "http rate": Span.SPAN_KIND_SERVER,
        "orders.compute": Span.SPAN_KIND_INTERNAL,
        "orders.bill": Span.SPAN_KIND_CONSUMER,
    }
    assert attributes(place)["hansa.service"] == "orders.place"
    assert attributes(place)["hansa.channel"] == "http place"
    resource, _ = collector.spans[0]
    assert resource["service.name"] == "hansa"
    assert resource["hansa.server"] == "server1"
    assert resource["deployment.environment.name"] == "tests"
    assert collector.misuses == []


def test_what_fails_is_told(server: RunningServer, collector: Collector):
    assert server.post("/refuse", {}).status_code == 400
    (span,) = wait_until(lambda: collector.named("http refuse"), 30)
    assert (span.status.code, span.status.message) == (2, "invalid")
    assert attributes(span)["error.type"] == "invalid"
    assert span.parent_span_id == b""

    def errors() -> int:
        point = collector.point("hansa.errors", by="channel", name="http refuse", code="invalid")
        return point.as_int if isinstance(point, NumberDataPoint) else 0

    wait_until(lambda: errors() == 1, 30)
    assert collector.misuses == []


def test_durations_have_exemplars(server: RunningServer, collector: Collector):
    seen: set[bytes] = set()

    def count() -> int:
        point = collector.point("hansa.call.duration", by="service", name="orders.rate")
        if not isinstance(point, HistogramDataPoint):
            return 0
        seen.update(exemplar.trace_id for exemplar in point.exemplars)
        return int(point.count)

    before = count()
    for _ in range(5):
        assert server.post("/rate", {}).json() == {"rate": 7}
    wait_until(lambda: count() >= before + 5 and seen, 30)
    wait_until(lambda: seen & {span.trace_id for span in collector.named("http rate")}, 30)
    assert collector.misuses == []


def test_a_silent_collector_delays_nobody_and_what_is_lost_is_told(
    server: RunningServer, collector: Collector
):
    def state() -> dict[str, Any]:
        (worker,) = server.api("admin.otel.state")["items"]
        found: dict[str, Any] = worker
        return found

    with collector.silent():
        for _ in range(400):
            assert server.post("/rate", {}).status_code == 200
        wait_until(lambda: state()["lost"]["no-room"] > 0, 30)
        wait_until(lambda: "traces" in state()["failing"], 30)
        shown = hansa(server, "otel").stdout
        assert "the collector: no answer in time" in " ".join(shown.split())
        assert "s3cr3t" not in str(state())
    wait_until(lambda: not state()["failing"] and not state()["waiting"], 60)
    lost = state()["lost"]
    assert lost["refused"] == lost["ended"] == 0
    wait_until(lambda: "spans are lost" in server.log(), 30)
    assert "s3cr3t" not in server.log()
    assert collector.misuses == []


def test_a_new_collector_takes_effect_without_a_lost_request(
    server: RunningServer, collector: Collector, files: Path
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "collector.pem", files / "key.pem")
    other = Collector(context, LOGIN)
    try:
        text = server.config.read_text()
        server.config.write_text(text.replace(collector.address, other.address))
        assert server.post("/rate", {}, headers={"X-Hansa-CID": "the-last-one"}).ok
        hansa(server, "plugin", "reload", "otel")
        # what ended before went to the one that was configured then
        cids = [attributes(span)["hansa.cid"] for span in collector.named("http rate")]
        assert "the-last-one" in cids
        assert server.post("/rate", {}).ok
        wait_until(lambda: other.named("http rate"), 30)
        assert other.misuses == collector.misuses == []
    finally:
        other.stop()
