"""SFTP: connections to servers whose host keys are to be known."""

from __future__ import annotations

from typing import Final

from .mapping import Mapping
from .parts import Custom, Field, Unused, Writing
from .values import INTEGER


def _write_keys(writing: Writing) -> None:
    if writing.settings.get("key"):
        writing.lost("key", "exports have no private keys: Zato names a file, identity_file")
    writing.lost("known_hosts", "Zato has the keys of hosts in the files of its user")


SFTP: Final = Mapping(
    "outconn_sftp",
    "outgoing",
    "sftp",
    (
        Field("host", "host", required=True),
        Field("port", "port", INTEGER, default=22),
        Field("username", "username", also=("user",)),
        Field("password", "password", also=("secret",), secret=True),
        Field("default_directory", "folder"),
        Custom(
            (
                "identity_file",
            ),  # a file of Zato's server, whose text is asked for: see passwords.py
            ("key", "known_hosts"),
            lambda reading: None,
            _write_keys,
        ),
        Unused("ssh_config_file", "settings of SSH are those of the connection here"),
        Unused("ssh_options", "settings of SSH are those of the connection here"),
        Unused("bandwidth_limit", "transfers are not slowed down", quiet=(None, "", 0, 10, "10")),
    ),
    note="the keys of the server's host, and a private key, are asked for",
    quiet=frozenset(
        {
            "buffer_size",
            "force_ip_type",
            "is_compression_enabled",
            "log_level",
            "sftp_command",
            "should_flush",
            "should_preserve_meta",
        }
    ),
)
