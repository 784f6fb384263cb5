"""What a channel answers where a service, a message or a client does not keep to what was declared."""

from __future__ import annotations

import threading

import grpc
import pytest
from hansa import Model, Secret, Service

from plugins.grpc.tests.support import Wanted, channel, server_of

TWO = """
syntax = "proto2";
package two;
message Asked { optional string text = 1; }
message Told { required string text = 1; optional int32 count = 2; }
service Two {
  rpc Once (Asked) returns (Told);
  rpc Often (Asked) returns (stream Told);
}
"""


def failed(port, path, raw=b"", *, streams=False, **options):
    """The error that a call ends with."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        kind = opened.unary_stream if streams else opened.unary_unary
        call = kind(path)
        with pytest.raises(grpc.RpcError) as caught:
            [*call(raw, timeout=20, **options)]
    return caught.value


@pytest.mark.parametrize("answer", [{}, {"count": 1 << 40}, 5, {"text": "x", "hushed": 1}])
@pytest.mark.parametrize("method", ["Once", "Often"])
def test_an_answer_that_is_no_message(method, answer):
    class Told(Service):
        name = "told"

        def handle(self):
            return [answer] if method == "Often" and answer != 5 else answer

    methods = {f"two.Two/{method}": "told"}
    with channel(server_of(Told), methods, proto=TWO) as one:
        error = failed(one.config.port, f"/two.Two/{method}", streams=method == "Often")
    assert error.code() is grpc.StatusCode.INTERNAL, error
    assert "x-hansa-cid" in dict(error.trailing_metadata())
    assert "hushed" not in error.details() and "required" not in error.details()


def test_a_service_that_does_not_end_holds_up_no_stop():
    release = threading.Event()
    began = threading.Event()

    class Stuck(Service):
        name = "stuck"

        def handle(self):
            began.set()
            release.wait(60)
            return {"text": "late"}

    server = server_of(Stuck, grace=0.5)
    ended = threading.Event()
    try:
        with channel(server, {"two.Two/Once": "stuck"}, proto=TWO) as one:
            with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
                call = opened.unary_unary("/two.Two/Once").future(b"", timeout=60)
                assert began.wait(30)

                def stop():
                    one.stop()
                    ended.set()

                threading.Thread(target=stop, daemon=True).start()
                assert ended.wait(30)
                with pytest.raises(grpc.RpcError):
                    call.result(30)
    finally:
        release.set()


def test_secrets_are_left_out_wherever_they_are():
    class Keys(Model):
        one: Secret
        several: list[Secret]
        named: dict[str, Secret]
        name: str = "shown"

    class GetKeys(Service):
        name = "keys"
        Input = Wanted
        Output = Keys

        def handle(self):
            hushed = Secret("hushed")
            return Keys(one=hushed, several=[hushed], named={"a": hushed})

    with channel(server_of(GetKeys), {"k.K/Get": "keys"}) as one:
        with grpc.insecure_channel(f"127.0.0.1:{one.config.port}") as opened:
            answer = opened.unary_unary("/k.K/Get")(b"\x0a\x01x", timeout=20)
    assert b"shown" in answer and b"hushed" not in answer
