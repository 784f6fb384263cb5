"""FTP: files moved by a service over `outgoing ftp`, against bare ftplib with the same vsftpd, in
clear and with TLS.

Both sides are one process of their own. `python -m bench.ftp` measures; with `SETTINGS DIRECTION`
it is the other side.
"""

from __future__ import annotations

import contextlib
import ftplib
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hansa_devkit.harness.api_server import RunningServer

from plugins.ftp.tests.servers import Vsftpd
from tools.project import TOP

from .measure import Figure, compare, table

BYTES = 128 * 1024 * 1024
DIRECTIONS = {
    "up": "an upload",
    # bare ftplib writes into the old file; Hansa beside it, since others read the old one until the
    # new one is whole
    "over": "an upload in place of a file",
    "down": "a download",
}
SERVICE = """
import time

from hansa import Service


class Move(Service):
    def handle(self):
        given, files = self.request.input, self.outgoing.ftp["bench"]
        files.ping()
        if given["direction"] == "up" and files.exists("bench"):
            files.delete("bench")
        began = time.monotonic()
        if given["direction"] in ("up", "over"):
            files.upload(given["local"], "bench", timeout=600)
        else:
            files.download("bench", given["local"] + ".back", timeout=600)
        return {"seconds": time.monotonic() - began}
"""


class Resuming(ftplib.FTP_TLS):
    """Python's client, with the one change that the server demands."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> Any:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(
            connection, server_hostname=self.host, session=session
        ), size


def bare(settings: dict[str, Any], direction: str, local: str) -> float:
    """Megabytes per second that ftplib moves, as its documentation shows it."""
    if settings["tls"]:
        client: ftplib.FTP = Resuming(context=ssl.create_default_context(cafile=settings["tls_ca"]))
    else:
        client = ftplib.FTP()
    client.connect(settings["host"], settings["port"])
    client.login(settings["username"], settings["password"])
    if isinstance(client, ftplib.FTP_TLS):
        client.prot_p()
    if direction == "up":
        with contextlib.suppress(ftplib.error_perm):
            client.delete("bench")
    began = time.monotonic()
    if direction in ("up", "over"):
        with open(local, "rb") as source:
            client.storbinary("STOR bench", source)
        client.voidcmd(
            "NOOP"
        )  # vsftpd confirms before it has closed the file, for which whoever goes on has to wait
    else:
        with open(local + ".back", "wb") as target:
            client.retrbinary("RETR bench", target.write)
    took = time.monotonic() - began
    client.quit()
    return BYTES / took / 1e6


def ftp(folder: Path) -> Iterator[Figure]:
    """Files moved over FTP, against bare ftplib."""
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / "file"
    with open(local, "wb") as file:
        for _ in range(BYTES // (1024 * 1024)):
            file.write(b"0123456789abcdef" * 65536)
    for tls in (False, True):
        with Vsftpd(tls=tls) as vsftpd:
            server = RunningServer(folder / f"tls-{tls}", workers=1).start()
            try:
                server.deploy("measuring.py", SERVICE)
                server.api("admin.outgoing.ftp.create", name="bench", **vsftpd.settings)

                def ours(direction: str, server: RunningServer = server) -> float:
                    payload = {"direction": direction, "local": str(local)}
                    answer = server.api(
                        "admin.service.invoke", name="measuring.move", payload=payload
                    )
                    return BYTES / float(answer["payload"]["seconds"]) / 1e6

                def theirs(direction: str, settings: str = json.dumps(vsftpd.settings)) -> float:
                    command = [sys.executable, "-m", "bench.ftp", settings, direction, str(local)]
                    return float(
                        subprocess.run(
                            command, cwd=TOP, check=True, capture_output=True, text=True
                        ).stdout
                    )

                for direction, words in DIRECTIONS.items():
                    yield compare(
                        f"FTP{'S' if tls else ''}: {words} of 128 MB, by a service / bare ftplib",
                        partial(ours, direction),
                        partial(theirs, direction),
                        pairs=15,
                        bound=None if direction == "over" else 0.9,
                        at_least=True,
                        note="MB/s",
                    )
            finally:
                server.stop()


def main() -> None:
    """Measure, or be the other side."""
    if len(sys.argv) > 1:
        print(bare(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(ftp(Path(folder)))))


if __name__ == "__main__":
    main()
