"""Files of TLS that cannot be used are refused, and nobody is asked about them."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = """
from hansa_connect.tls import TlsTrust, context_of
context_of(TlsTrust(tls_certificate="{certificate}", tls_key="{key}"))
"""
SERVER = """
from pathlib import Path
from hansa_http.certificate import _context
_context(Path("{key}"))
"""


@pytest.mark.parametrize("code", [CLIENT, SERVER], ids=["client", "server"])
def test_nobody_is_asked_for_a_passphrase_at_a_terminal(tmp_path: Path, code: str):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -passout pass:abcd -subj /CN=a -out {certificate}"
    command = [*shlex.split(made), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    key.write_text(certificate.read_text() + key.read_text())
    terminal, end = pty.openpty()
    try:
        loaded = subprocess.run(
            [
                "setsid",
                "--ctty",
                sys.executable,
                "-c",
                code.format(certificate=certificate, key=key),
            ],
            check=False,
            stdin=end,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.close(terminal)
        os.close(end)
    assert "ssl.SSLError" in loaded.stderr
    assert "pass phrase" not in loaded.stderr
