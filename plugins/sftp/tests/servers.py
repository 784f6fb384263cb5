"""SFTP servers for the tests: OpenSSH of the distribution, with a key of its own; and Paramiko's
for logins by password.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from hansa_devkit.servers import RealServer


def new_key(path: Path, passphrase: str = "") -> Path:
    """A key pair in the form of OpenSSH, made by its own program."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class OpenSsh(RealServer):
    """sshd, as an unprivileged user, which then is the one who may log in; `root` is the folder
    where a login leads.
    """

    password = ""
    name, package, programs = "openssh", "openssh-server", ("sshd", "ssh-keygen")

    def prepare(self) -> None:
        self.root.mkdir()
        self.own(self.root)
        for name in ("right", "wrong", "login"):
            new_key(self.folder / name)
        new_key(self.folder / "locked", "sesame")
        for path in self.folder.iterdir():
            self.own(path)
        self.present = "right"
        keys = [(self.folder / f"{name}.pub").read_text() for name in ("login", "locked")]
        self.write("authorized_keys", "".join(keys))

    def own(self, path: Path) -> None:
        """Give a file or folder to the server's user."""
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])

    @property
    def root(self) -> Path:
        """The folder that it serves."""
        return self.folder / "root"

    @property
    def username(self) -> str:
        """The only user who may log in."""
        return pwd.getpwuid(self._user.get("user", os.getuid())).pw_name

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "key": (self.folder / "login").read_text(),
            "known_hosts": (self.folder / "right.pub").read_text(),
            "folder": str(self.root),
        }

    def command(self) -> list[str]:
        options = {
            "ListenAddress": "127.0.0.1",
            "Port": self.port,
            "HostKey": self.folder / self.present,
            "PidFile": "none",
            "UsePAM": "yes",
            "StrictModes": "no",
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "Subsystem": "sftp internal-sftp",
            "MaxStartups": 100,
        }
        text = "".join(f"{name} {value}\n" for name, value in options.items())
        return [self.program("sshd"), "-D", "-e", "-f", str(self.write("sshd_config", text))]

    def restart_with(self, present: str) -> None:
        """Start it again with another host key: right, or wrong."""
        self.stop()
        self.present = present
        self.start()

    @classmethod
    def version(cls) -> str:
        told = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True)
        return (told.stdout + told.stderr).partition(",")[0].removeprefix("OpenSSH_")
