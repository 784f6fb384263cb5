"""What the channel does with a client of another process, whose code grpcio-tools has generated."""

from __future__ import annotations

import threading

import grpc
import pytest
from hansa import (
    Binding,
    Forbidden,
    Invalid,
    Refused,
    Request,
    Service,
    Unavailable,
    load,
    time_left,
)
from hansa.runtime.routes import compile_route
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_grpc.call_service import GrpcCall
from hansa_grpc.caller import peer_of
from hansa_grpc.channel import GrpcChannel
from hansa_grpc.reflection import PATHS
from hansa_grpc.settings import ListeningSettings

from plugins.ftp.tests.servers import certificate
from plugins.grpc.tests.support import (
    METHODS,
    PROTO,
    Get,
    List,
    Rate,
    Wanted,
    channel,
    client_of,
    made,
    peer,
    running,
    server_of,
)


@pytest.fixture
def served():
    with channel(server_of(Get, List), METHODS) as one:
        yield one


def test_calls_streams_and_errors(served, tmp_path):
    with client_of(served, tmp_path, "rates.v1", "Rates") as client:
        asked = {"currency": "Grüße", "raw": "AP8="}
        sent = {"x-kind": "order", "x-hansa-cid": "mine-1"}
        answer = client.ask("Get", asked, metadata=sent)
        seen = answer["ok"].pop("seen")
        assert answer["ok"] == {
            "currency": "Grüße",
            "value": 1.5,
            "at": "2026-11-30T12:00:00Z",
            "raw": "AP8=",
        }
        assert (seen["x-kind"], seen["cid"], seen["peer"]) == ("order", "mine-1", "127.0.0.1")
        assert answer["metadata"]["x-hansa-cid"] == "mine-1"
        assert [
            one["value"] for one in client.ask("List", {"currency": "x", "count": 3})["ok"]
        ] == [
            0,
            1,
            2,
        ]
        assert client.ask("List", {"currency": "x", "count": 0})["ok"] == []
        missing = client.ask("Get", {})
        assert missing["code"] == "INVALID_ARGUMENT"
        assert missing["metadata"]["x-hansa-code"] == "invalid"
        assert "required" in missing["metadata"]["x-hansa-errors"]
        none = client.ask("Get", {"currency": "none"})
        assert (none["code"], none["details"]) == ("NOT_FOUND", "there is no such currency")
        fault = client.ask("Get", {"currency": "fault"})
        assert fault["code"] == "INTERNAL" and "secret" not in fault["details"]
        assert fault["metadata"]["x-hansa-cid"].startswith("K")
        broken = client.ask("List", {"currency": "none", "count": 2})
        assert (broken["code"], broken["details"]) == ("NOT_FOUND", "there is no such currency")
        left = client.ask("List", {"currency": "x", "count": 100_000}, leave=2)
        assert len(left["ok"]) == 2
        wait_until(lambda: ", 0 calls in hand" in served.ping())


def test_a_method_that_is_not_served(served):
    with grpc.insecure_channel(f"127.0.0.1:{served.config.port}") as opened:
        for path in ("/rates.v1.Rates/Other", "/grpc.reflection.v1.ServerReflection/x"):
            with pytest.raises(grpc.RpcError) as caught:
                opened.unary_unary(path)(b"", timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as caught:
            opened.unary_unary("/rates.v1.Rates/Get")(b"\xff\xff", timeout=5)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_declared_interface(tmp_path):
    server = server_of(Get)
    methods = {"rates.v1.Rates/Get": "rates.get"}
    file = tmp_path / "rates.proto"
    file.write_text(PROTO)
    for given in ({"proto": PROTO}, {"proto_file": str(file)}):
        with channel(server, methods, **given) as one:
            with client_of(one, tmp_path, "", "rates.v1.Rates") as client:
                assert client.ask("Get", {"currency": "EUR"})["ok"]["value"] == 1.5
                assert client.ask("Read", {"currency": "EUR"})["code"] == "UNIMPLEMENTED"


def test_the_deadline_of_a_caller_is_that_of_the_service(tmp_path):
    class Patient(Service):
        name = "patient"
        Input = Wanted
        Output = Rate

        def handle(self):
            return Rate(currency="x", value=time_left() or 0)

    methods = {"p.S/Do": "patient"}
    with channel(server_of(Patient), methods, timeout=30) as one:
        with client_of(one, tmp_path, "p", "S") as client:
            assert 0 < client.ask("Do", {"currency": "x"}, timeout=5)["ok"]["value"] <= 5
            assert 20 < client.ask("Do", {"currency": "x"}, timeout=1000)["ok"]["value"] <= 30


def test_a_stream_whose_client_does_not_read_ends_at_its_deadline():
    class Endless(Service):
        name = "endless"
        Input = Wanted
        Output = list[Rate]

        def handle(self):
            while True:
                yield Rate(currency="x" * 10_000, value=0)

    with channel(server_of(Endless), {"p.S/Do": "endless"}, timeout=0.5, pool=1) as one:
        with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
            call = opened.unary_stream("/p.S/Do")
            raw = one._interface.methods["/p.S/Do"].write({"currency": "x"}, wanted_of(one))
            calls = [call(raw), call(raw)]
            wait_until(lambda: ", 1 calls in hand" in one.ping(), 30)
            wait_until(lambda: ", 0 calls in hand" in one.ping(), 60)
            with pytest.raises(grpc.RpcError):
                list(calls[0])


def wanted_of(one):
    return one._interface.methods["/p.S/Do"].request


def test_limits_on_size(tmp_path):
    with channel(server_of(Get), {"rates.v1.Rates/Get": "rates.get"}, max_body=1000) as one:
        method = one._interface.methods["/rates.v1.Rates/Get"]
        size = 1000 - len(method.write({"currency": "x", "raw": b"a" * 500}, method.request)) + 500
        with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
            call = opened.unary_unary("/rates.v1.Rates/Get")
            largest = method.write({"currency": "x", "raw": b"a" * size}, method.request)
            assert len(largest) == 1000
            answer = method.read(call(largest, timeout=20), method.response)
            assert answer["raw"] == b"a" * size
            for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
                raw = method.write({"currency": "x", "raw": b"a" * (size + 1)}, method.request)
                with pytest.raises(grpc.RpcError) as caught:
                    call(raw, timeout=20, compression=compression)
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            call(largest, timeout=20)


def test_more_calls_than_it_takes(tmp_path):
    go = threading.Event()

    class Slow(Service):
        name = "slow"

        def handle(self):
            assert go.wait(60)
            return {}

    with channel(server_of(Slow), {"p.S/Do": "slow"}, pool=2, max_calls=2) as one:
        address = f"127.0.0.1:{one.config.port}"
        own = [("grpc.use_local_subchannel_pool", 1)]
        with (
            grpc.insecure_channel(address, own) as first,
            grpc.insecure_channel(address, own) as other,
        ):
            call = first.unary_unary("/p.S/Do")
            waiting = [in_background(lambda: call(b"", timeout=60)) for _ in range(2)]
            try:
                wait_until(lambda: ", 2 calls in hand" in one.ping(), 30)
                with pytest.raises(grpc.RpcError) as caught:
                    other.unary_unary("/p.S/Do")(b"", timeout=30)
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            finally:
                go.set()
            assert [each.result(60) for each in waiting] == [b"", b""]


def test_an_edit_while_calls_come_refuses_none_and_a_call_in_hand_is_answered(tmp_path):
    server = server_of(Get)
    methods = {"rates.v1.Rates/Get": "rates.get"}
    with channel(server, methods, reflection=True) as first:
        port = first.config.port
        current = first
        with client_of(first, tmp_path, "rates.v1", "Rates") as client:
            begun = client.ask("Get", {"currency": "x"}, load=True)
            assert begun == {"ok": "begun"}
            for number in range(10):
                listed = [{"method": "rates.v1.Rates/Get", "service": "rates.get"}]
                new = made(GrpcChannel, server, port=port, methods=listed, timeout=10 + number)
                new.dispatch = first.dispatch
                new.start()
                current.stop()
                current = new
            counts = client.say("{}")
        current.stop()
    assert counts["failed"] == [] and counts["ok"] > 0


def test_a_service_that_is_deployed_anew(tmp_path):
    server = server_of(Get)
    with channel(server, {"rates.v1.Rates/Get": "rates.get"}) as one:
        with client_of(one, tmp_path, "rates.v1", "Rates") as client:
            assert "value" in client.ask("Get", {"currency": "EUR"})["ok"]

            class Other(Service):
                name = "rates.get"
                Input = Wanted
                Output = list[Rate]

                def handle(self):
                    return [Rate(currency="new", value=2)]

            server.services["rates.get"] = Other
            assert "stream" in one.texts["rates.v1"]
        folder = tmp_path / "new"
        folder.mkdir()
        with client_of(one, folder, "rates.v1", "Rates") as client:
            (answer,) = client.ask("Get", {"currency": "x"})["ok"]
            assert (answer["currency"], answer["value"]) == ("new", 2)

        class Wrong(Service):
            name = "rates.get"
            Input = int

        server.services["rates.get"] = Wrong
        with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
            with pytest.raises(grpc.RpcError) as caught:
                list(opened.unary_stream("/rates.v1.Rates/Get")(b"", timeout=5))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_answer_that_does_not_fit_is_no_fault_of_the_caller(tmp_path):
    class Odd(Service):
        name = "odd"
        Input = Wanted

        def handle(self):
            return {"currency": 1, "unknown": "secret"}

    with channel(server_of(Odd), {"rates.v1.Rates/Get": "odd"}, proto=PROTO) as one:
        with client_of(one, tmp_path, "", "rates.v1.Rates") as client:
            answer = client.ask("Get", {"currency": "EUR"})
    assert answer["code"] == "INTERNAL" and "secret" not in answer["details"]


@pytest.mark.evidence("tls")
def test_tls_with_client_certificates(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text(certificate("localhost"))
    server = server_of(Get)
    tls = {"tls": True, **dict.fromkeys(("tls_certificate", "tls_key", "tls_ca"), str(file))}
    with channel(server, {"rates.v1.Rates/Get": "rates.get"}, **tls) as one:
        seen = []
        inner = one.dispatch

        def dispatch(request):
            seen.append(request)
            return inner(request)

        one.dispatch = dispatch
        source = tmp_path / "channel.proto"
        source.write_text(one.texts["rates.v1"])
        arguments = ("rates.v1.Rates", f"localhost:{one.config.port}", tmp_path)
        with peer("peer_client.py", source, *arguments) as client:
            assert client.ask("Get", {"currency": "EUR"})["code"] == "UNAVAILABLE"
        for name in ("client.pem", "client.key"):
            (tmp_path / name).write_bytes(file.read_bytes())
        with peer("peer_client.py", source, *arguments) as client:
            assert client.ask("Get", {"currency": "EUR"})["ok"]["value"] == 1.5
        assert seen and len(seen[0].certificates) == 1


def test_reflection_asks_who_the_caller_is():
    seen = []

    def authenticate(request):
        seen.append(request)
        if request.headers.get("x-key") != "right":
            raise Refused("the caller cannot be authenticated")
        return "ada"

    def guard(request):
        if request.headers.get("x-from") == "afar":
            raise Forbidden("not from there")

    from grpc_reflection.v1alpha import reflection_pb2
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    server = server_of(Get)
    methods = {"rates.v1.Rates/Get": "rates.get"}
    asked = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()

    def ask(port, *metadata):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
            call = opened.stream_stream(PATHS[0])
            try:
                answers = list(call(iter([asked]), timeout=30, metadata=metadata))
            except grpc.RpcError as error:
                assert dict(error.trailing_metadata())["x-hansa-cid"]
                return error.code().name
        return len(answers)

    with channel(server, methods, reflection=True) as one:
        binding = Binding("grpc.call", server, None, one.name, "grpc")
        one.dispatch = compile_route(
            binding, GrpcCall, guards=[guard], authenticators=[authenticate]
        )
        assert ask(one.config.port) == "UNAUTHENTICATED"
        assert ask(one.config.port, ("x-key", "right")) == 1
        # whatever speaks against a call speaks against this, too
        assert ask(one.config.port, ("x-key", "right"), ("x-from", "afar")) == "PERMISSION_DENIED"
        assert len(seen) == 2 and all(request.peer == "127.0.0.1" for request in seen)
    with channel(server, methods, reflection=True) as one:
        with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
            database = ProtoReflectionDescriptorDatabase(opened)
            assert database.get_services() == ["rates.v1.Rates"]
            assert database.FindFileContainingSymbol("rates.v1.Rates").package == "rates.v1"


def test_settings_that_cannot_be():
    method = {"method": "a.B/C", "service": "x"}
    wrong = {
        "port": 1,
        "tls": True,
        "methods": [method, method, {"method": "a.B/D", "service": "admin.x"}],
    }
    with pytest.raises(Invalid) as caught:
        load(ListeningSettings, wrong)
    names = ["tls_certificate", "methods[1].method", "methods[2].service"]
    assert list(caught.value.errors) == names
    with pytest.raises(Invalid) as caught:
        load(ListeningSettings, {"port": 1, "methods": [method], "proto": "x", "proto_file": "/x"})
    assert list(caught.value.errors) == ["proto_file"]

    class Root(Service):
        name = "root"

        @classmethod
        def is_administrative(cls):
            return True

    one = made(
        GrpcChannel, server_of(Root), port=1, methods=[{"method": "a.B/C", "service": "root"}]
    )
    with pytest.raises(Invalid, match="administers"), running(one):
        pass
    assert server_of(Get).handle(GrpcCall.name, Request()).status == 500


def test_a_port_that_is_taken():
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        listed = [{"method": "a.B/C", "service": "rates.get"}]
        one = made(GrpcChannel, server_of(Get), port=port, methods=listed)
        with pytest.raises(Unavailable, match="check the settings host and port"), running(one):
            pass


def test_peers():
    assert peer_of("ipv4:127.0.0.1:4000") == "127.0.0.1"
    assert peer_of("ipv6:%5B::1%5D:4000") == "::1"
    assert peer_of("unix:/tmp/x") == ""
