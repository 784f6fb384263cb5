"""Secrets in places where nobody expects them, in what a support bundle has."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hansa_doctor.secrets_known import MASK, Mask
from hansa_quickstart.place import open_place


@pytest.fixture
def mask(tmp_path: Path) -> Mask:
    """What masks for a server that has no secrets of its own."""
    (tmp_path / "config.toml").write_text("")
    return Mask(open_place(tmp_path))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("redis://:abc/de@4711@visible:1/0", f"redis://:{MASK}@visible:1/0"),
        ("amqp://u:p@ss4711@visible/", f"amqp://u:{MASK}@visible/"),
        ("https://ghp4711@visible/x", f"https://{MASK}@visible/x"),
        ("https://visible:8080/a@b", "https://visible:8080/a@b"),
        ("https://visible/users/@me", "https://visible/users/@me"),
        ("https://visible/p?sv=1&sig=4711%3D&x=1", f"https://visible/p?sv=1&sig={MASK}&x=1"),
        ("Server=visible;Uid=u;Pwd=4711;", f"Server=visible;Uid=u;Pwd={MASK};"),
        ("AccountKey=4711==;Endpoint=visible", f"AccountKey={MASK};Endpoint=visible"),
        ("psql --password 4711 visible", f"psql --password {MASK} visible"),
        ("run --db-token=4711 visible", f"run --db-token={MASK} visible"),
        ("stats auth admin:4711", f"stats auth admin:{MASK}"),
        (
            "a\n-----BEGIN EC PRIVATE KEY-----\n4711\n-----END EC PRIVATE KEY-----\nb",
            f"a\n-----BEGIN EC PRIVATE KEY-----{MASK}-----END EC PRIVATE KEY-----\nb",
        ),
    ],
)
def test_in_texts(mask: Mask, text: str, left: str):
    assert mask.text(text) == left


def test_in_settings(mask: Mask):
    shown = mask.value(
        {
            "headers": [{"name": "Authorization", "value": "4711"}, {"name": "Age", "value": "7"}],
            "command": ["visible", "--password", "4711", "--port", "1"],
            "environment": {"DB_PW": "4711", "SAS": "4711"},
            "pwd": "4711",
        }
    )
    text = json.dumps(shown)
    assert "4711" not in text
    assert "visible" in text and '"7"' in text and '"--port", "1"' in text


@pytest.mark.parametrize(
    "text", ["-" * 200_000, "://a:" * 40_000, "--x" * 60_000, "://" + "a" * 200_000]
)
def test_a_strange_log_is_read_in_time(mask: Mask, text: str):
    began = time.process_time()
    mask.text(text)
    assert time.process_time() - began < 30
