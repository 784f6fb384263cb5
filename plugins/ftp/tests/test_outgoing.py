"""The outgoing connection holds the contracts on vsftpd and on pyftpdlib, with TLS 1.2, TLS 1.3 and
without.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from types import SimpleNamespace

import pytest
from hansa import HansaError, Login, Secret, Unavailable
from hansa_ftp.plugin import FtpOutgoing

from plugins.connect.tests.file_contract import FileOutgoingContract
from plugins.ftp.tests.servers import Pyftpdlib, Vsftpd

pytestmark = pytest.mark.evidence("tls")


class TestVsftpd(FileOutgoingContract):
    cls, make_peer = FtpOutgoing, Vsftpd

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_data_connections_resume_the_tls_session(self, version):
        outgoing = self.make()
        original = type(outgoing.config).context

        def context(config):
            made = original(config)
            made.minimum_version = made.maximum_version = version
            return made

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(outgoing.config), "context", context)
            with self.running(outgoing):
                for number in range(5):  # vsftpd refuses one that does not
                    outgoing.write("a", str(number))
                    assert outgoing.read("a") == str(number).encode()
                with outgoing.session() as files:
                    assert files.client.sock.version() == version.name.replace("_", ".")

    def test_a_wrong_certificate_is_told(self):
        self.peer.restart_with(present="wrong")
        try:
            with (
                pytest.raises(
                    Unavailable, match=r"the certificate of 127\.0\.0\.1:\d+ is not valid"
                ),
                self.running(),
            ):
                pass
        finally:
            self.peer.restart_with(present="right")

    def test_a_security_definition_supplies_the_login(self):
        login = Login(username=self.peer.username, password=Secret(self.peer.password))
        files = self.make(username="anonymous", password=None, security="partner")
        files.server.objects._security["partner"] = SimpleNamespace(login=lambda: login)
        with self.running(files):
            self.use(files)

    @pytest.mark.parametrize(
        ("changes", "remedy"),
        [
            ({"password": "wrong-one"}, "check the settings username and password"),
            ({"tls": False}, "set tls to true"),
            ({"implicit": True}, "set implicit to false"),
            ({"tls_ca": ""}, "set tls_ca to"),
            ({"host": "localhost"}, "set host to a name that is in it"),
            ({"port": 1}, "check the settings host and port"),
            ({"host": "nobody.invalid"}, "check the setting host"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, remedy):
        with pytest.raises(Unavailable, match=remedy), self.running(**changes):
            pass

    def test_a_server_that_waits_for_tls_names_the_setting(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            with (
                pytest.raises(HansaError, match="set implicit to true"),
                self.running(port=port, timeout=0.3),
            ):
                pass

    def test_a_server_that_cannot_connect_back_names_the_setting(self):
        refused = ftplib.error_temp("425 Failed to establish connection.")
        with self.running() as files, files.session() as session:
            with pytest.raises(Unavailable, match=r"425 .*; set passive to the opposite"):
                with session.translated():
                    raise refused

    def test_a_security_definition_supplies_a_client_certificate(self):
        with Vsftpd() as demanding:
            demanding.stop()
            demanding.demands_certificate = True
            demanding.start()
            path = str(demanding.certificates["right"])
            with pytest.raises(Unavailable), self.running(**demanding.settings):
                pass
            password = Secret(demanding.password)
            login = Login(username="anonymous", password=password, certificate=path, key=path)
            login_changes = {"username": "anonymous", "password": None, "security": "partner"}
            files = self.make(**{**demanding.settings, **login_changes})
            files.server.objects._security["partner"] = SimpleNamespace(login=lambda: login)
            with self.running(files):
                self.use(files)

    def test_a_server_without_tls_gets_no_password(self):
        with Vsftpd(tls=False) as plain:
            with (
                pytest.raises(Unavailable, match=r"does not offer TLS .*; set tls to false"),
                self.running(port=plain.port),
            ):
                pass
            with self.running(**plain.settings) as files:
                self.use(files)


class TestPyftpdlib(FileOutgoingContract):
    cls, make_peer = FtpOutgoing, Pyftpdlib


class TestWithoutTls(FileOutgoingContract):
    cls = FtpOutgoing

    @staticmethod
    def make_peer():
        return Vsftpd(tls=False)


KEPT = ("tour", "smuggled", "interrupted", "whole", "many_threads", "time_out", "edit")
for name in dir(FileOutgoingContract):
    if name.startswith("test_") and not any(
        word in name for word in KEPT
    ):  # nothing in them depends on TLS
        setattr(TestWithoutTls, name, None)
