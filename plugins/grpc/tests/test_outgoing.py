"""Calls of a bare server of grpcio in a process of its own, with generated code."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from hansa import (
    Invalid,
    Login,
    Misused,
    OutgoingRequest,
    TimedOut,
    Unavailable,
    current_cid,
    deadline,
    load,
)
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_grpc.errors import CallFailed
from hansa_grpc.outgoing import GrpcOutgoing
from hansa_grpc.settings import CallingSettings

from plugins.ftp.tests.servers import certificate
from plugins.grpc.tests.support import PROTO, made, peer, running

GET = "rates.v1.Rates/Get"
LIST = "rates.v1.Rates/List"


@pytest.fixture(scope="module")
def port():
    port = free_port()
    with peer("peer_server.py", port, "reflection"):
        yield port


@contextmanager
def outgoing(port, server=None, **settings):
    with running(made(GrpcOutgoing, server or LocalServer(), port=port, **settings)) as one:
        yield one


@pytest.mark.parametrize("given", [{}, {"proto": PROTO}], ids=["reflection", "proto"])
def test_calls_and_streams(port, given):
    with outgoing(port, **given) as one:
        assert {GET, LIST} <= set(one.methods)
        asked = {
            "currency": "Grüße",
            "kind": "FORWARD",
            "tags": ["a", "b"],
            "limits": {"x": 5, "y": 6},
            "raw": b"\x00\xff",
        }
        token = current_cid.set("cid-1")
        try:
            answer = one.call(GET, asked, metadata={"X-Kind": "order"})
        finally:
            current_cid.reset(token)
        seen = answer.pop("seen")
        assert (seen["x-kind"], seen["x-hansa-cid"]) == ("order", "cid-1")
        assert answer == {
            "currency": "Grüße",
            "value": 1.5,
            "at": datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC),
            "text": "2 11",
            "raw": b"\x00\xff",
            "kind": "FORWARD",
        }
        numbers = [each["number"] for each in one.stream(LIST, {"count": 3})]
        assert numbers == [0, 1, 2]
        stream = one.stream(LIST, {"count": 1_000_000})
        assert next(stream)["number"] == 0
        stream.close()
        received = []
        broken = one.stream(LIST, {"count": 2, "currency": "broken"})
        with pytest.raises(CallFailed) as caught:
            received.extend(broken)
        assert len(received) == 2 and caught.value.grpc_code == "DATA_LOSS"
        assert "answered in" in one.ping()


def test_errors_have_codes_and_no_texts_of_others(port):
    with outgoing(port) as one:
        with pytest.raises(CallFailed) as caught:
            one.call(GET, {"currency": "NOT_FOUND"})
        error = caught.value
        assert (error.grpc_code, error.remote_code) == ("NOT_FOUND", "remote-code")
        assert (error.status, error.code) == (502, "call-failed")
        assert "10.0.0.1" not in error.detail and "10.0.0.1" in error.reason
        with pytest.raises(Invalid, match="no such field"):
            one.call(GET, {"other": 1})
        with pytest.raises(Misused, match="there is no method"):
            one.call("rates.v1.Rates/Other")
        with pytest.raises(Misused, match=r"use stream\(\)"):
            one.call(LIST)
        with pytest.raises(Misused, match=r"use call\(\)"):
            one.stream(GET)
        with pytest.raises(Misused, match="takes a stream"):
            one.call("rates.v1.Rates/Send")


def test_deadlines(port):
    slow = {"wait": timedelta(seconds=30)}
    with outgoing(port, timeout=20) as one:
        with pytest.raises(TimedOut):
            one.call(GET, slow, timeout=0.2)
        with deadline(0.2), pytest.raises(TimedOut):
            one.call(GET, slow)
        with pytest.raises(TimedOut):
            list(one.stream(LIST, {**slow, "count": 2}, timeout=1))


def test_only_what_may_be_repeated_is_tried_again(port):
    with outgoing(port, max_attempts=3) as one:
        assert one.call("rates.v1.Rates/Read", {"currency": "third", "count": 3})["number"] == 3
        with pytest.raises(Unavailable):
            one.call("rates.v1.Rates/Read", {"currency": "fifth", "count": 5})
        with pytest.raises(Unavailable):
            one.call(GET, {"currency": "UNAVAILABLE"})
    with outgoing(port, max_attempts=1) as one:
        with pytest.raises(Unavailable):
            one.call("rates.v1.Rates/Read", {"currency": "second", "count": 2})


class Tokens:
    """A security definition whose first token is refused."""

    name = "tokens"
    signs_messages = False

    def __init__(self):
        self.token = "old"

    def sign_request(self, request: OutgoingRequest):
        request.headers["Authorization"] = f"Bearer {self.token}"

    def renew(self, rejected):
        self.token = "new"
        return rejected.headers["Authorization"] == "Bearer old"

    def login(self):
        return Login()


def test_calls_are_signed(port):
    server = LocalServer(security={"tokens": Tokens()})
    with outgoing(port, server, security="tokens") as one:
        seen = one.call(GET, {"currency": "EUR"})["seen"]
        assert seen["authorization"] == "Bearer old"
        with pytest.raises(CallFailed) as caught:
            one.call(GET, {"currency": "UNAUTHENTICATED"})
        assert caught.value.grpc_code == "UNAUTHENTICATED"
        assert one.call(GET)["seen"]["authorization"] == "Bearer new"


def test_a_server_that_dies_under_load_and_comes_back():
    port = free_port()
    troubles: list[str] = []
    server = LocalServer()
    one = made(GrpcOutgoing, server, port=port, proto=PROTO, timeout=5)
    one.trouble = troubles.append
    with peer("peer_server.py", port) as first:
        with running(one):
            assert one.call(GET)["value"] == 1.5
            first.process.send_signal(signal.SIGKILL)
            first.process.wait()
            with pytest.raises(Unavailable):
                one.call(GET)
            with pytest.raises(Unavailable):
                one.ping()
            assert troubles and "cannot be reached" in troubles[-1]
            with peer("peer_server.py", port):

                def works():
                    try:
                        return one.call(GET)["value"] == 1.5
                    except Unavailable:
                        return False

                wait_until(works, 60)
                assert troubles[-1] == ""


def test_why_it_cannot_connect(port):
    for settings, why in (
        ({"port": free_port()}, "check the settings host and port"),
        ({"port": port, "tls": True}, "it does not speak TLS here"),
        ({"port": port, "host": "no-such-host.invalid"}, "check the setting host"),
    ):
        with pytest.raises(Unavailable, match=why):
            with outgoing(**{"timeout": 5, **settings}):
                pass


@pytest.mark.evidence("tls")
def test_tls_with_a_client_certificate(tmp_path):
    own_file = tmp_path / "ca.pem"
    own_file.write_text(certificate("localhost"))
    for name in ("server.pem", "server.key"):
        (tmp_path / name).write_bytes(own_file.read_bytes())
    port = free_port()
    tls = {"tls": True, "host": "localhost", "proto": PROTO, "timeout": 5}
    own = {"tls_certificate": str(own_file), "tls_key": str(own_file)}
    with peer("peer_server.py", port, tmp_path):
        with outgoing(port, tls_ca=str(own_file), **tls, **own) as one:
            assert one.call(GET)["value"] == 1.5
        with pytest.raises(Unavailable, match="tls_ca"), outgoing(port, **tls, **own):
            pass
        with pytest.raises(Unavailable), outgoing(port, tls_ca=str(own_file), **tls):
            pass


def test_a_server_without_reflection():
    port = free_port()
    with peer("peer_server.py", port):
        with pytest.raises(Unavailable, match="set proto or proto_file"), outgoing(port):
            pass


@pytest.mark.parametrize("answers", ["names alone", "nothing"])
def test_a_server_that_tells_little_of_its_methods(answers):
    class Silent(reflection_pb2_grpc.ServerReflectionServicer):
        def ServerReflectionInfo(self, request_iterator, context):
            return iter(())

    bare = grpc.server(ThreadPoolExecutor(2))
    if answers == "nothing":
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(Silent(), bare)
    else:
        reflection.enable_server_reflection(["of.Nobody", "grpc.reflection.v1alpha.X"], bare)
    port = bare.add_insecure_port("127.0.0.1:0")
    bare.start()
    one = made(GrpcOutgoing, LocalServer(), port=port)
    try:
        if answers == "nothing":
            with pytest.raises(Unavailable, match="set proto"):
                one.start()
        else:
            one.start()
            assert one.methods == []
    finally:
        one.stop()
        bare.stop(0).wait(30)


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_a_ping_says_that_the_server_does_not_know_who_asks(code):
    class Closed(grpc.GenericRpcHandler):
        def service(self, handler_call_details):
            return grpc.unary_unary_rpc_method_handler(
                lambda raw, context: context.abort(grpc.StatusCode[code], "hushed")
            )

    bare = grpc.server(ThreadPoolExecutor(2), handlers=[Closed()])
    port = bare.add_insecure_port("127.0.0.1:0")
    bare.start()
    try:
        with outgoing(port, proto=PROTO) as one:
            if code == "PERMISSION_DENIED":
                assert "answered in" in one.ping()
                return
            with pytest.raises(CallFailed) as caught:
                one.ping()
            assert caught.value.grpc_code == code and "hushed" not in str(caught.value)
    finally:
        bare.stop(0).wait(30)


def test_metadata_that_cannot_be_sent_blames_nobody_else(port):
    with outgoing(port) as one:
        for name, value in (("x-name", "Müller"), ("x name", "a"), ("x-name", "a\r\nx-b: c")):
            with pytest.raises(Invalid) as caught:
                one.call(GET, {"currency": "EUR"}, metadata={name: value})
            assert list(caught.value.errors) == [f"metadata.{name}"]


def test_settings_that_cannot_be():
    with pytest.raises(Invalid) as caught:
        load(CallingSettings, {"proto": "x", "proto_file": "/x"})
    assert list(caught.value.errors) == ["proto_file"]
    with pytest.raises(Invalid) as caught:
        made(GrpcOutgoing, LocalServer(), proto="nonsense")
    assert "channel.proto:1:" in caught.value.errors["proto"]
