"""SFTP: files written and taken by `outgoing sftp` and `channel sftp`, against bare Paramiko, with the same
OpenSSH: `python -m bench.sftp`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from hansa_sftp.plugin import SftpChannel, SftpOutgoing

from plugins.sftp.tests.servers import OpenSsh

from .folders import CLAIMED, Measured, figures
from .measure import Figure, table


def sftp(folder: Path) -> Iterator[Figure]:
    """Files written and taken over SFTP, against bare Paramiko."""
    with OpenSsh() as server, bare_client(server) as client:
        root = str(server.root)

        def write(name: str, content: bytes) -> None:
            # which sees that the file has the size that was sent, as Hansa does
            client.putfo(io.BytesIO(content), f"{root}/.{name}.part")
            client.posix_rename(f"{root}/.{name}.part", f"{root}/{name}")

        def upload(local: Path, name: str) -> None:
            client.put(str(local), f"{root}/.{name}.part")
            client.posix_rename(f"{root}/.{name}.part", f"{root}/{name}")

        def take(folder: str, count: Callable[[], object]) -> None:
            for entry in client.listdir_attr(folder):
                if entry.filename != CLAIMED:
                    claimed = f"{folder}/{CLAIMED}/{entry.filename}"
                    client.posix_rename(f"{folder}/{entry.filename}", claimed)
                    with client.open(claimed, "rb") as file:
                        file.read()
                    count()
                    client.remove(claimed)

        measured = Measured(
            title="SFTP",
            library="Paramiko",
            server=server,
            outgoing_type=SftpOutgoing,
            channel_type=SftpChannel,
            write=write,
            upload=upload,
            download=lambda name, local: client.get(f"{root}/{name}", str(local)),
            take=take,
        )
        yield from figures(measured, folder)


@contextmanager
def bare_client(server: OpenSsh) -> Iterator[paramiko.SFTPClient]:
    """A client of Paramiko by itself, which knows the server's key, as that of Hansa does."""
    kind, key = (server.folder / "right.pub").read_text().split()[:2]
    with paramiko.SSHClient() as ssh:
        known = paramiko.hostkeys.HostKeyEntry.from_line(f"[127.0.0.1]:{server.port} {kind} {key}")
        ssh.get_host_keys().add(f"[127.0.0.1]:{server.port}", kind, known.key)
        login = str(server.folder / "login")
        ssh.connect(
            "127.0.0.1",
            server.port,
            server.username,
            key_filename=login,
            allow_agent=False,
            look_for_keys=False,
        )
        yield ssh.open_sftp()


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(sftp(Path(folder)))))


if __name__ == "__main__":
    main()
