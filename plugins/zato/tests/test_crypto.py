"""`self.crypto`: keys of the server or of the settings, tokens, and hashes, also Zato's."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hansa import KeyFile, Secret, Unavailable
from hansa_zato.command import main
from hansa_zato.dialect.crypto import Crypto
from hansa_zato.section import ZatoSection

from plugins.zato.tests.facade import Facade

Typed = Callable[..., tuple[object, str]]


@pytest.fixture
def crypto(server: Facade, tmp_path: Path) -> Crypto:
    (tmp_path / "secret.key").write_text(KeyFile.new_key())
    return Crypto(server.as_server)


def test_tokens_are_read_while_keys_are_rotated(crypto: Crypto, tmp_path: Path) -> None:
    token = crypto.encrypt("Grüße")
    assert token != crypto.encrypt("Grüße") and crypto.decrypt(token.encode()) == "Grüße"
    file = tmp_path / "secret.key"
    file.write_text(f"{KeyFile.new_key()},{file.read_text()}")
    assert crypto.decrypt(token) == "Grüße"
    file.write_text(KeyFile.new_key())
    for wrong in (token, "x", ""):
        with pytest.raises(ValueError, match="not made with a key"):
            crypto.decrypt(wrong)


def test_the_key_of_the_settings(server: Facade) -> None:
    crypto = Crypto(server.as_server)
    with pytest.raises(Unavailable, match=r"zato\.crypto_key"):
        crypto.encrypt("a")
    old, new = crypto.generate_key(), crypto.generate_key()
    server._section = ZatoSection(crypto_key=Secret(old))
    token = crypto.encrypt("a")
    server._section = ZatoSection(crypto_key=Secret(f"{new}, {old}"))
    assert crypto.decrypt(token) == "a"


def test_hashes(crypto: Crypto) -> None:
    made = crypto.hash_secret("secret")
    assert made != crypto.hash_secret("secret")
    assert crypto.verify_hash(b"secret", made.encode())
    assert not crypto.verify_hash("secreT", made)
    for wrong in ("", "a$b", "$scrypt$ln=40,r=8,p=1$aa$aa", "$pbkdf2-md5$1$aa$aa"):
        with pytest.raises(ValueError, match="not the hash"):
            crypto.verify_hash("secret", wrong)


def test_hashes_of_zato(crypto: Crypto) -> None:
    salt = bytes(range(16))
    digest = hashlib.pbkdf2_hmac("sha512", b"secret", salt, 1000)

    def text(raw: bytes) -> str:
        return base64.b64encode(raw).decode().rstrip("=").replace("+", ".")

    stored = f"$pbkdf2-sha512$1000${text(salt)}${text(digest)}"
    assert crypto.verify_hash("secret", stored)
    assert not crypto.verify_hash("other", stored)


class Terminal(io.StringIO):
    """A terminal, at which nothing is typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a command of `zato`; returns its exit code, and what it printed."""

    def type(*words: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["zato", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    return type


@pytest.mark.parametrize("of", ["server", "file"])
def test_by_the_command_line(
    of: str, crypto: Crypto, server: Facade, tmp_path: Path, typed: Typed, monkeypatch
) -> None:
    """By the key of a server, and by one for `zato.crypto_key`: services read and write the same."""
    path = tmp_path
    if of == "file":
        path = tmp_path / "crypto.key"
        path.write_text(typed("create", "secret-key")[1])
        server._section = ZatoSection(crypto_key=Secret(path.read_text().strip()))
    code, printed = typed("encrypt", str(path), "--secret", "Grüße")
    assert code == 0 and printed.startswith("Encrypted value is [") and printed.endswith("]\n")
    token = printed.removeprefix("Encrypted value is [").removesuffix("]\n")
    assert crypto.decrypt(token) == "Grüße"
    made = crypto.encrypt("b")
    monkeypatch.setattr("hansa_zato.command.sealing.getpass", lambda prompt: made)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert typed("decrypt", str(path)) == (0, "Secret is [b]\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{made}\n"))
    assert typed("decrypt", str(path)) == (0, "Secret is [b]\n")
    code, printed = typed("decrypt", str(path))
    assert code == 2 and "encrypted value: required, and missing" in printed
    code, printed = typed("decrypt", str(path), "--secret", "no token")
    assert code == 15 and "was not encrypted with a key of" in printed


def test_what_holds_no_key_is_told(typed: Typed, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        code, printed = typed("encrypt", str(path), "--secret", "a")
        assert code == 15 and str(path) in printed
    assert typed("encrypt")[0] == 2
