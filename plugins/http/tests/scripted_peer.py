"""A peer whose connections are scripted: it sends literal bytes, and keeps what it was sent."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from typing import Any


@contextmanager
def scripted(*scripts):
    """A peer that treats its connections one after the other as the scripts say; the last script
    serves all further ones.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen: list[Any] = []
        held: list[Any] = []
        stop = threading.Event()

        def serve(client, script):
            try:
                with client, client.makefile("rb") as stream:
                    head = b"".join(iter(stream.readline, b"\r\n"))
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    seen.append(head + b"\r\n" + (stream.read(int(length[1])) if length else b""))
                    script(client, stop)
            except OSError:
                pass

        def accept():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                held.append(
                    threading.Thread(
                        target=serve, args=(client, scripts[min(len(held), len(scripts) - 1)])
                    )
                )
                held[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            accepting.join(5)
            for thread in held:
                thread.join(5)


def answer(status, body=b"", **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n".encode()
    return lambda client, stop: client.sendall(head + body)
