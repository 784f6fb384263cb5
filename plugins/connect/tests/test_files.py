"""Paths, names and settings of remote files."""

from __future__ import annotations

import socket
import time

import pytest
from hansa import Invalid, Unavailable, load
from hansa_connect.files import is_clean, one_line
from hansa_connect.location import path_below
from hansa_connect.sockets import dial
from hansa_connect.transfer import beside
from hansa_connect.watched import WatchSettings
from hypothesis import given, strategies as some


@pytest.mark.parametrize(
    ("folder", "path", "where"),
    [
        ("", "", "."),
        ("", "a/b", "a/b"),
        ("", "/a", "/a"),
        ("in", "", "in"),
        ("in", "a", "in/a"),
        ("in/", "/a//b/./c", "in/a/b/c"),
        ("/in", "/a", "/in/a"),
        ("/", "", "/"),
        ("/", "a", "/a"),
    ],
)
def test_paths_are_below_the_folder(folder, path, where):
    assert path_below(folder, path) == where


@given(some.text())
def test_no_path_leads_out_of_the_folder_or_has_control_characters(path):
    try:
        where = path_below("/in", path)
    except Invalid:
        assert not is_clean(path) or ".." in path
    else:
        assert where == "/in" or where.startswith("/in/")
        assert ".." not in where.split("/") and is_clean(where)
        assert not any(character in where for character in "\r\n\0")


@given(some.text(min_size=1))
def test_names_beside_the_final_one_are_not_too_long(name):
    made = beside(f"folder/{name.replace('/', '_')}", "0123456789abcdef-0123456789abcdef")
    assert made.startswith("folder/.") and made.endswith(".part")
    assert len(made.removeprefix("folder/").encode(errors="replace")) <= 255


def test_what_a_server_says_is_one_short_line():
    assert one_line(OSError("550 a\r\nb\x1b[2J" + "x" * 999)) == "550 a  b [2J" + "x" * 188
    assert one_line(EOFError()) == "EOFError"


@pytest.mark.parametrize(
    "wrong",
    [
        {"claimed": "failed"},
        {"done": "claimed"},
        {"failed": ""},
        {"claimed": "."},
        {"done": "../x"},
        {"folder": "/f", "failed": "/f/"},
    ],
)
def test_folders_of_a_channel_must_be_their_own(wrong):
    assert load(WatchSettings, {}).claimed == "claimed"
    with pytest.raises(Invalid, match="must be a folder of its own"):
        load(WatchSettings, wrong)


def test_dialling_ends_in_time_whatever_number_of_addresses(monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listening:
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)  # its queue is full: the next one gets no answer
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 5
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="cannot connect to"):
            dial("many.example.com", 21, 0.5)
        assert time.monotonic() - began < 2.4
        for each in waiting:
            each.close()


def test_a_host_that_does_not_exist_is_told():
    with pytest.raises(Unavailable, match=r"cannot connect to nobody\.invalid:21"):
        dial("nobody.invalid", 21, 2)
