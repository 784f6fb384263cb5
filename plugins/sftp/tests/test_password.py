"""Logging in by password, which sshd grants only as root: here to Paramiko's own server."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace

import paramiko
import pytest
from hansa import Login, Secret, Unavailable
from hansa_devkit.contract import Contract
from hansa_sftp.plugin import SftpOutgoing


class Door(paramiko.ServerInterface):
    """Lets ada in."""

    def check_auth_password(self, username, password):
        right = (username, password) == ("ada", "engine")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, number):
        return paramiko.OPEN_SUCCEEDED


class Files(paramiko.SFTPServerInterface):
    """One empty folder."""

    def list_folder(self, path):
        return []

    def stat(self, path):
        return paramiko.SFTPAttributes()


@pytest.fixture
def server():
    key, transports = paramiko.ECDSAKey.generate(), []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
                try:
                    transport.start_server(server=Door())
                except (paramiko.SSHException, EOFError):
                    continue

        threading.Thread(target=serve, daemon=True).start()
        known = f"{key.get_name()} {key.get_base64()}"
        yield {
            "host": "127.0.0.1",
            "port": listening.getsockname()[1],
            "known_hosts": known,
            "username": "ada",
        }
    for transport in transports:
        transport.close()


def connection(**settings):
    contract = Contract()
    contract.cls = SftpOutgoing
    return contract.make(**settings)


def test_the_right_password_opens(server):
    files = connection(**server, password="engine")
    try:
        files.start()
        assert files.list() == [] and files.ping()
    finally:
        files.stop()


def test_a_security_definition_supplies_it(server):
    place = {**server, "security": "partner"}
    del place["username"]
    login = Login(username="ada", password=Secret("engine"))
    files = connection(**place)
    files.server.objects._security["partner"] = SimpleNamespace(login=lambda: login)
    try:
        files.start()
        assert files.list() == [] and files.ping()
    finally:
        files.stop()


def test_a_wrong_one_does_not_and_is_not_shown(server, caplog):
    files = connection(**server, password="difference")
    with (
        caplog.at_level("DEBUG"),
        pytest.raises(Unavailable, match="refuses the credentials of ada") as caught,
    ):
        files.start()
    files.stop()
    assert "difference" not in str(caught.value) + caplog.text


def test_a_port_of_another_protocol_is_told(server):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            peer, _ = listening.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        place = {**server, "port": listening.getsockname()[1]}
        files = connection(**place, password="engine")
        with pytest.raises(Unavailable, match="does not speak SSH here: check the setting port"):
            files.start()
        files.stop()
