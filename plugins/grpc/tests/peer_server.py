"""A bare gRPC server in a process of its own, with code that grpcio-tools generates.

Its arguments are a port, and what it is told: `reflection`, or a folder with server.pem, server.key
and ca.pem for TLS.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_reflection.v1alpha import reflection
from grpc_tools import protoc

HERE = Path(__file__).parent


def generated():
    """Generate the code, and import it."""
    folder = tempfile.mkdtemp(prefix="hansa-grpc-")
    include = Path(protoc.__file__).parent / "_proto"
    source = str(HERE / "rates.proto")
    out = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", f"-I{HERE}", f"-I{include}", *out, source]):
        raise SystemExit("rates.proto cannot be compiled")
    sys.path.insert(0, folder)
    return importlib.import_module("rates_pb2"), importlib.import_module("rates_pb2_grpc")


class Rates:
    """What it answers; `messages` are the generated ones."""

    def __init__(self, messages):
        self.messages = messages
        self.tries = {}

    def Get(self, request, context):
        code = request.currency
        if code in grpc.StatusCode.__members__:
            context.set_trailing_metadata((("x-hansa-code", "remote-code"),))
            context.abort(grpc.StatusCode[code], f"you wanted {code}, of 10.0.0.1:99")
        if request.wait.seconds:
            time.sleep(request.wait.seconds)
        kind = request.kind
        answer = self.messages.Rate(currency=code, value=1.5, raw=request.raw, kind=kind)
        seen = dict(context.invocation_metadata())
        answer.seen.update({name: str(value) for name, value in seen.items()})
        answer.at.FromJsonString("2026-11-30T12:00:00.25Z")
        answer.text = f"{len(request.tags)} {sum(request.limits.values())}"
        return answer

    def Read(self, request, context):
        tries = self.tries.setdefault(request.currency, [])
        tries.append(1)
        if len(tries) < request.count:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return self.messages.Rate(currency=request.currency, number=len(tries))

    def List(self, request, context):
        for number in range(request.count):
            if not context.is_active():
                return
            yield self.messages.Rate(currency=request.currency, number=number)
            if request.wait.seconds:
                time.sleep(request.wait.seconds)
        if request.currency == "broken":
            context.abort(grpc.StatusCode.DATA_LOSS, "it broke")

    def Send(self, requests, context):
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "no")


def main():
    port, *words = sys.argv[1:]
    messages, stubs = generated()
    server = grpc.server(ThreadPoolExecutor(20), options=[("grpc.so_reuseport", 0)])
    stubs.add_RatesServicer_to_server(Rates(messages), server)
    if "reflection" in words:
        names = ["rates.v1.Rates", reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)
    folder = next((word for word in words if "/" in word), "")
    if folder:
        files = [Path(folder, name).read_bytes() for name in ("server.key", "server.pem", "ca.pem")]
        key, certificate, authority = files
        credentials = grpc.ssl_server_credentials([(key, certificate)], authority, True)
        server.add_secure_port(f"127.0.0.1:{port}", credentials)
    else:
        server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
