"""FTP servers for the tests: vsftpd of the distribution, which demands that TLS sessions are
resumed, and pyftpdlib, which has MLSD.
"""

from __future__ import annotations

import datetime
import ftplib
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hansa_devkit.servers import RealServer

CERTIFICATES = ("right", "wrong")


def certificate(host: str) -> str:
    """A key and a certificate for a host that signs itself, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host)] if host.isalpha() else [x509.IPAddress(ip_address(host))]
    made = (
        x509.CertificateBuilder(
            name,
            name,
            key.public_key(),
            1,
            now - datetime.timedelta(1),
            now + datetime.timedelta(9),
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(pem)).decode()


class FtpServer(RealServer):
    """What both have: `root` is the folder they serve, `settings` are those of a definition; `tls`
    and `host` may be changed between starts.
    """

    username = "anonymous"

    def __init__(self, tls: bool = True) -> None:
        super().__init__()
        self.tls, self.present = tls, ""
        self.password, self.other_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)

    def prepare(self) -> None:
        self.root.mkdir(exist_ok=True)
        self.own(self.root)
        self.certificates = {
            "right": self.write("right.pem", certificate("127.0.0.1")),
            "wrong": self.write("wrong.pem", certificate("elsewhere")),
        }
        self.present = "right"

    def own(self, path: Path) -> None:
        """Give a file or folder to the server's user."""
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])

    @property
    def root(self) -> Path:
        """The folder that it serves."""
        return self.folder / "root"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        found = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "password": self.password,
        }
        return {
            **found,
            "tls": self.tls,
            **({"tls_ca": str(self.certificates["right"])} if self.tls else {}),
        }

    def restart_with(self, present: str) -> None:
        """Start it again with another certificate: right, or wrong."""
        self.stop()
        self.present = present
        self.start()

    def ready(self) -> bool:
        try:
            with ftplib.FTP(timeout=5) as client:
                client.connect("127.0.0.1", self.port)
            return True
        except (OSError, EOFError):
            return False


class Vsftpd(FtpServer):
    """vsftpd, with two passwords for its only login."""

    name, package, programs = "vsftpd", "vsftpd", ("vsftpd",)
    demands_certificate = False

    def command(self) -> list[str]:
        options = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": self.port,
            "background": "NO",
            "run_as_launching_user": "YES",
            "seccomp_sandbox": "NO",
            "anonymous_enable": "YES",
            "anon_root": self.root,
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO",
            "anon_umask": "022",
            "write_enable": "YES",
            "secure_email_list_enable": "YES",
            "email_password_file": self.write(
                "passwords", f"{self.password}\n{self.other_password}\n"
            ),
            "xferlog_enable": "NO",
        }
        if self.tls:
            options |= {
                "ssl_enable": "YES",
                "allow_anon_ssl": "YES",
                "force_anon_logins_ssl": "YES",
                "force_anon_data_ssl": "YES",
                "require_ssl_reuse": "YES",
                "ssl_ciphers": "HIGH",
                "rsa_cert_file": self.certificates[self.present],
            }
        if self.demands_certificate:
            options |= {
                "require_cert": "YES",
                "validate_cert": "YES",
                "ca_certs_file": self.certificates["right"],
            }
        text = "".join(f"{name}={value}\n" for name, value in options.items())
        return [self.program("vsftpd"), str(self.write("vsftpd.conf", text))]

    @classmethod
    def version(cls) -> str:
        listed = subprocess.run(
            ["dpkg-query", "-Wf", "${Version}", "vsftpd"],
            capture_output=True,
            text=True,
            check=False,
        )
        return listed.stdout.strip() or "of an unknown version"


class Pyftpdlib(FtpServer):
    """pyftpdlib, a server of PyPI."""

    name, package, programs, as_nobody = "pyftpdlib", "pyftpdlib[ssl]", ("python3",), False
    username = "hansa"

    def command(self) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "pyftpdlib",
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-d",
            str(self.root),
        ]
        command += ["-w", "-u", self.username, f"--password={self.password}"]
        if self.tls:
            file = str(self.certificates[self.present])
            command += [
                "--tls",
                "--keyfile",
                file,
                "--certfile",
                file,
                "--tls-control-required",
                "--tls-data-required",
            ]
        return command

    @classmethod
    def version(cls) -> str:
        return version("pyftpdlib")
