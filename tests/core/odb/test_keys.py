"""The cluster's key: secrets come back under it and under its successors, and under no other."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hansa.foundation.errors import Invalid
from hansa.odb.identity import NOTE
from hansa.odb.keys import Keys, load_keys
from hypothesis import given, settings, strategies as st


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


KEYS = Keys(new_key())


@settings(deadline=None)
@given(st.text())
def test_what_is_encrypted_comes_back(text: str):
    stored = KEYS.encrypt(text)
    assert list(stored) == ["$encrypted"]
    assert text not in stored["$encrypted"] or len(text) < 4
    assert KEYS.decrypt(stored["$encrypted"]) == text


def test_a_secret_is_stored_otherwise_each_time():
    assert KEYS.encrypt("a") != KEYS.encrypt("a")


@pytest.mark.parametrize("token", ["", "x", None, 5, "gAAAAA", b"x", "é"])
def test_what_was_encrypted_otherwise_is_refused(token: object):
    with pytest.raises(Invalid):
        KEYS.decrypt(token)  # type: ignore[arg-type]  # stored data may be anything
    with pytest.raises(Invalid):
        Keys(new_key()).decrypt(KEYS.encrypt("a")["$encrypted"])


def test_keys_rotate_and_sources_stay_valid():
    old, new = new_key(), new_key()
    before, after = Keys(old), Keys(f" {new}, {old} ")
    token = before.encrypt("a")["$encrypted"]
    assert after.decrypt(token) == "a"
    assert after.sign(b"a") == before.sign(b"a") != Keys(new).sign(b"a")
    assert before.decrypt(after.encrypt("a")["$encrypted"]) == "a"
    assert after.follow(Keys(new).fingerprint)
    assert after.verify(before.sign(b"a"), b"a") and after.sign(b"a") == Keys(new).sign(b"a")
    with pytest.raises(Invalid):
        before.decrypt(after.encrypt("a")["$encrypted"])


@pytest.mark.parametrize("text", ["", " , ", "short", "x" * 44, "A" * 43 + "=,short", "é" * 44])
def test_what_is_no_key_is_refused_by_the_name_of_its_setting(text: str):
    with pytest.raises(Invalid) as caught:
        Keys(text)
    assert list(caught.value.errors) == ["server.secret_key"]


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path):
    first = load_keys(tmp_path, None)
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert load_keys(tmp_path, None).decrypt(first.encrypt("a")["$encrypted"]) == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    given = new_key()
    assert load_keys(tmp_path, given).fingerprint == Keys(given).fingerprint != first.fingerprint


def test_a_server_that_was_started_before_makes_no_other(tmp_path: Path):
    load_keys(tmp_path, None)
    (tmp_path / NOTE).write_text("f" * 32)
    file = tmp_path / "secret.key"
    for left, why in ((None, "is missing"), ("", "32 random bytes"), ("short", "32 random bytes")):
        file.unlink(missing_ok=True)
        if left is not None:
            file.write_text(left)
        with pytest.raises(Invalid) as caught:
            load_keys(tmp_path, None)
        fault = caught.value.errors["server.secret_key"]
        assert f"{file}" in fault and why in fault
        assert "restore it from a backup, or copy it from another server" in fault
        assert file.exists() == (left is not None)
    given = new_key()
    assert load_keys(tmp_path, given).fingerprint == Keys(given).fingerprint


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path):
    code = (
        "import sys, pathlib; from hansa.odb.keys import load_keys; "
        "print(load_keys(pathlib.Path(sys.argv[1]), None).fingerprint)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert len({child.communicate(timeout=30)[0] for child in children}) == 1
    assert {child.returncode for child in children} == {0}
