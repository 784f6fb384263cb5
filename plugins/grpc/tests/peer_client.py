"""A bare gRPC client in a process of its own, with code that grpcio-tools generates.

Its arguments are a .proto, the full name of a service and an address; with a folder it speaks TLS,
and presents client.pem, if that is there. It reads a JSON object from each line, and answers with one.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from grpc_tools import protoc

NAMES = {"preserving_proto_field_name": True}


def generated(source):
    folder = tempfile.mkdtemp(prefix="hansa-grpc-")
    include = Path(protoc.__file__).parent / "_proto"
    out = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", f"-I{source.parent}", f"-I{include}", *out, str(source)]):
        raise SystemExit(f"{source} cannot be compiled")
    sys.path.insert(0, folder)
    module = source.stem
    return importlib.import_module(f"{module}_pb2"), importlib.import_module(f"{module}_pb2_grpc")


def opened(address, folder):
    if not folder:
        return grpc.insecure_channel(address)
    given = Path(folder)
    key = certificate = None
    if (given / "client.pem").exists():
        key, certificate = (given / "client.key").read_bytes(), (given / "client.pem").read_bytes()
    authority = (given / "ca.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    return grpc.secure_channel(address, credentials)


class Client:
    def __init__(self, source, service, address, folder=""):
        self.messages, stubs = generated(Path(source))
        name = service.rpartition(".")[2]
        self.stub = getattr(stubs, f"{name}Stub")(opened(address, folder))
        self.methods = self.messages.DESCRIPTOR.services_by_name[name].methods_by_name
        self.running = False

    def ask(self, asked):
        method = self.methods[asked["method"]]
        kind = getattr(self.messages, method.input_type.name, Struct)
        request = json_format.ParseDict(asked.get("data", {}), kind())
        call = getattr(self.stub, method.name)
        options = {
            "metadata": list(asked.get("metadata", {}).items()),
            "timeout": asked.get("timeout", 20),
        }
        try:
            if method.server_streaming:
                stream = call(request, **options)
                answers = []
                for one in stream:
                    answers.append(json_format.MessageToDict(one, **NAMES))
                    if len(answers) == asked.get("leave"):
                        stream.cancel()
                        break
                return {"ok": answers}
            answer, made = call.with_call(request, **options)
            return {
                "ok": json_format.MessageToDict(answer, **NAMES),
                "metadata": dict(made.trailing_metadata()),
            }
        except grpc.RpcError as error:
            return {
                "code": error.code().name,
                "details": error.details(),
                "metadata": {
                    k: v for k, v in error.trailing_metadata() or () if k.startswith("x-")
                },
            }

    def load(self, asked):
        """Call from several threads until the next line comes."""
        self.running = True
        counts: dict[str, Any] = {"ok": 0, "failed": []}

        def work():
            while self.running:
                answer = self.ask(asked)
                if "ok" in answer:
                    counts["ok"] += 1
                else:
                    counts["failed"].append(answer)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for one in threads:
            one.start()
        return threads, counts


def main():
    client = Client(*sys.argv[1:])
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked.get("load"):
            threads, counts = client.load(asked)
            print(json.dumps({"ok": "begun"}), flush=True)
            sys.stdin.readline()
            client.running = False
            for one in threads:
                one.join()
            print(json.dumps(counts), flush=True)
        else:
            print(json.dumps(client.ask(asked)), flush=True)


if __name__ == "__main__":
    main()
