"""Encryption of backups: what comes out is what went in, and nothing that was changed."""

from __future__ import annotations

import io

import pytest
from hansa_backup import encryption
from hansa_backup.encryption import MAGIC, EncryptedWriter, decrypting, is_encrypted
from hansa_quickstart.failure import Failure
from hypothesis import given, settings, strategies as st

PASSPHRASE = "correct horse"
HEADER = len(MAGIC) + 23


@pytest.fixture(autouse=True)
def small_and_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "PIECE", 64)
    monkeypatch.setattr(encryption, "_COST", 2)


def encrypted(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    writer = EncryptedWriter(file, passphrase)
    for start in range(0, len(content), 50):
        writer.write(content[start : start + 50])
    writer.close()
    return file.getvalue()


def decrypted(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return decrypting(io.BytesIO(content), passphrase).read()


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 128, 129, 1000])
def test_what_comes_out_went_in(length: int):
    content = bytes(number % 251 for number in range(length))
    stored = encrypted(content)
    assert is_encrypted(io.BytesIO(stored))
    assert decrypted(stored) == content
    assert length < 8 or content not in stored


def test_another_passphrase_is_refused():
    with pytest.raises(Failure, match="passphrase"):
        decrypted(encrypted(b"content"), "another")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=50)
def test_no_byte_can_be_changed(place: int, change: int):
    stored = bytearray(encrypted(bytes(200)))
    stored[len(MAGIC) + place % (len(stored) - len(MAGIC))] ^= change
    with pytest.raises(Failure, match="was changed"):
        decrypted(bytes(stored))


def test_no_piece_can_be_left_out_repeated_or_moved():
    stored = encrypted(bytes(64 * 3 + 10))
    pieces = [stored[start : start + 80] for start in range(HEADER, len(stored), 80)]
    assert len(pieces) == 4
    first, second, third, last = pieces
    for changed in (
        [first, second, third],
        [first, third, last],
        [first, second, second, third, last],
        [second, first, third, last],
        [last],
        [first, second, third, last[:-1]],
    ):
        with pytest.raises(Failure, match="was changed"):
            decrypted(stored[:HEADER] + b"".join(changed))
