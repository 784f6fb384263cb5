"""A server that means harm, or is only odd: what it says must not lead anywhere, hang, or fill the
memory.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hansa_ftp.connection
import pytest
from hansa import NotFound, TimedOut, Unavailable
from hansa_connect.files import Entry
from hansa_devkit import Inbox
from hansa_devkit.contract import Contract
from hansa_devkit.harness.waiting import wait_until
from hansa_ftp.listing import parse_facts, parse_line, parse_time, split_lines
from hansa_ftp.plugin import FtpChannel, FtpOutgoing
from hypothesis import given, strategies as some

READY = {
    "USER": "331 ?",
    "PASS": "230 hello",
    "FEAT": "211-\r\n MLST\r\n211 end",
    "TYPE": "200",
    "NOOP": "200",
    "PWD": '257 "/" here',
}


class Scripted:
    """A server that says what it is told to: `answers` by verb, `data` for every transfer."""

    def __init__(
        self,
        data: bytes | Callable[[], Iterator[bytes]] = b"",
        **answers: str | bytes | Callable[[str], str],
    ) -> None:
        self.answers = {
            **READY,
            "CWD": "250",
            "RNFR": "350",
            "RNTO": "250",
            "QUIT": "221",
            **answers,
        }
        self.data, self.commands = data, list[str]()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._converse(connection)
        except OSError:
            pass

    def _converse(self, connection: socket.socket) -> None:
        passive = None
        connection.sendall(b"220 ready\r\n")
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                self.commands.append(line.decode(errors="replace").strip())
                verb = line.split()[0].decode().upper()
                answer = self.answers.get(verb, "502 no")
                if callable(answer):
                    answer = answer(self.commands[-1])
                if verb == "EPSV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    answer = f"229 |||{passive.getsockname()[1]}|"
                if verb == "PASV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    high, low = divmod(passive.getsockname()[1], 256)
                    answer = f"227 (10,99,99,99,{high},{low})"  # another host, which is not to be believed
                if verb in ("MLSD", "LIST", "RETR") and passive:
                    connection.sendall(b"150 here\r\n")
                    with passive, passive.accept()[0] as data:
                        for piece in self.data() if callable(self.data) else [self.data]:
                            data.sendall(piece)
                    answer = "226 done"
                connection.sendall(
                    (answer if isinstance(answer, bytes) else answer.encode()) + b"\r\n"
                )


@contextmanager
def connected(server: Scripted, cls=FtpOutgoing, **settings):
    contract = Contract()
    contract.cls = cls
    made = contract.make(
        host="127.0.0.1", port=server.port, tls=False, **{"timeout": 2, **settings}
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()
        server.listening.close()


def facts(*names: str) -> bytes:
    return "".join(f"type=file;size=1;modify=20260101000000; {name}\r\n" for name in names).encode(
        "utf-8", "surrogateescape"
    )


def test_names_of_a_listing_lead_nowhere(tmp_path):
    hostile = [
        "../../etc/cron.d/x",
        "/etc/passwd",
        "a\\..\\b",
        "..",
        ".",
        "",
        "a\x1b[2J",
        "\udcff\udcfe",
        "x" * 300,
    ]
    server, inbox = Scripted(facts(*hostile), SIZE="550 none", MKD="257", MDTM="550"), Inbox()
    with connected(
        server, FtpChannel, service="echo", settle=0, interval=0.02, folder="in"
    ) as channel:
        channel.dispatch = inbox
        time.sleep(0.3)
        assert not inbox.requests
    assert not [command for command in server.commands if command.startswith("RNFR")]


@pytest.mark.parametrize("answer", ["550 none", "450 busy", "501 what", "553 name not allowed"])
@pytest.mark.parametrize("size", ["550 none", "213 1"])
def test_a_listed_file_that_cannot_be_claimed_is_told_once_and_tried_at_each_interval(
    answer, size, caplog
):
    server = Scripted(facts("ghost", "good"), RNFR=answer, SIZE=size, CWD=folders_only, MDTM="550")
    settings = {"service": "echo", "settle": 0, "interval": 0.2, "folder": "in"}
    with connected(server, FtpChannel, **settings) as channel:
        wait_until(lambda: server.commands.count("RNFR /in/ghost") >= 3)
        objects = channel.server.objects
        assert "cannot be claimed" in objects.troubles[channel] and not objects.losses
    tried = server.commands.count("RNFR /in/ghost")
    assert tried <= 6 and abs(tried - server.commands.count("RNFR /in/good")) <= 1
    told = [
        each.getMessage() for each in caplog.records if "cannot be claimed" in each.getMessage()
    ]
    assert len(told) == 2, told


def folders_only(command: str) -> str:
    """Answer CWD: there are the folders that the channel knows, and no files."""
    return "550 none" if command.endswith(("ghost", "good", "busy")) else "250"


def test_the_trouble_ends_with_the_file_that_cannot_be_claimed():
    server = Scripted(facts("busy"), RNFR="450 busy", SIZE="213 1", CWD=folders_only, MDTM="550")
    settings = {"service": "echo", "settle": 0, "interval": 0.05, "folder": "in"}
    with connected(server, FtpChannel, **settings) as channel:
        objects = channel.server.objects
        wait_until(lambda: channel in objects.troubles)
        server.data = b""
        wait_until(lambda: channel not in objects.troubles)
        assert not objects.losses


def test_a_listing_without_end_is_not_kept_in_memory(monkeypatch):
    monkeypatch.setattr(hansa_ftp.connection, "LONGEST_LISTING", 1_000_000)
    server = Scripted(lambda: iter(lambda: facts("a" * 1000), None))
    with (
        connected(server, timeout=20) as files,
        pytest.raises(Exception, match="over 1000000 bytes"),
    ):
        files.list()


def test_a_drip_ends_at_the_deadline():
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.05)
            yield b"x"

    with connected(Scripted(drip, SIZE="213 99"), timeout=0.6, transfer_timeout=0.6) as files:
        began = time.monotonic()
        for call in (files.list, lambda: files.read("a")):
            with pytest.raises(TimedOut):
                call()
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "noise", [b"\xff\xfe\x00", b"x" * 20_000, b"226", b"", b"999 what", b"150 " + b"\xe4" * 50]
)
def test_noise_for_an_answer_is_a_clear_error(noise):
    with (
        connected(Scripted(SIZE=noise)) as files,
        pytest.raises((Unavailable, NotFound, TimedOut)) as caught,
    ):
        files.stat("a")
    assert len(caught.value.detail) < 500 and caught.value.detail.isprintable()


def test_the_address_for_data_is_that_of_the_server():
    with connected(Scripted(b"content", EPSV="502 no", SIZE="213 7")) as files:
        assert files.read("a") == b"content"


def test_other_times_and_sizes_than_numbers_are_an_error_and_not_a_crash():
    with (
        connected(Scripted(b"type=file;size=many;modify=never; a\r\n")) as files,
        pytest.raises(Unavailable),
    ):
        files.list()


def test_too_many_users_is_told():
    server = Scripted(USER="421 too many")
    with pytest.raises(Unavailable, match="421 too many"), connected(server):
        pass


@given(some.text(max_size=200))
def test_any_line_is_an_entry_or_none(line):
    for read in (parse_facts, parse_line):
        try:
            found = read(line)
        except ValueError:
            continue
        assert found is None or isinstance(found, Entry)
    assert parse_time(line) >= 0


@pytest.mark.parametrize(
    ("line", "name", "size", "kind"),
    [
        ("-rw-r--r--    1 1000     1000            5 Nov 22 03:20 a b.csv", "a b.csv", 5, "file"),
        ("-rw-r--r--    1 ftp      ftp    5368709120 Nov 22  2024 big", "big", 5368709120, "file"),
        (
            "drwxr-xr-x    2 0        0            4096 Jan  1  1999 folder",
            "folder",
            4096,
            "folder",
        ),
        (
            "lrwxrwxrwx    1 0        0              11 Jan  1  1999 link -> /etc/passwd",
            "link",
            11,
            "link",
        ),
        ("-rw-r--r--    1 1000  1000   5 Nov 22 03:20  lead.csv", " lead.csv", 5, "file"),
        ("-rw-r--r--    1 1000  1000   5 Nov 22 03:20   tail \t ", "  tail \t ", 5, "file"),
        ("-rw-r--r--    1 1000  1000   5 Nov 22 03:20  ", " ", 5, "file"),
        ("-rw-r--r--    1 1000  1000   5 Nov 22 03:20 a -> b", "a -> b", 5, "file"),
        ("-rw-r--r--    1 1000  1000   5 Nov 22  2024  line\nbreak", " line\nbreak", 5, "file"),
        ("-rw-r--r--    1 1000  5 Nov 22 03:20  no group", " no group", 5, "file"),
        ("07-18-2026  10:16AM              1234567  lead.txt", " lead.txt", 1234567, "file"),
        ("prw-r--r--    1 0        0               0 Jan  1  1999 pipe", "pipe", 0, "other"),
        ("04-27-26  09:09PM       <DIR>          licensed", "licensed", 0, "folder"),
        ("07-18-2026  10:16AM              1234567 pub lic.txt", "pub lic.txt", 1234567, "file"),
    ],
)
def test_lines_of_a_listing(line, name, size, kind):
    found = parse_line(line)
    assert found is not None and (found.name, found.size, found.kind) == (name, size, kind)


@pytest.mark.parametrize(
    "line", ["total 12", "", "-rw", "550 what", "x" * 100_000, "-" + "1 " * 50_000]
)
def test_other_lines_are_none(line):
    assert parse_line(line) is None
    assert parse_facts(line) is None or line.startswith(("550", "-", "total"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("type=file;size=3;modify=20261122031500.123; a b", Entry("a b", 3, 1795317300.0, "file")),
        ("Type=dir;Modify=20261122031500; d", Entry("d", 0, 1795317300.0, "folder")),
        ("type=OS.unix=slink:/etc;size=3; l", Entry("l", 3, 0.0, "link")),
        ("type=cdir;modify=20261122031500; /in", None),
        ("size=3; nameless kind", Entry("nameless kind", 3, 0.0, "other")),
        ("type=file;size=1;  lead ", Entry(" lead ", 1, 0.0, "file")),
        ("garbage", None),
    ],
)
def test_facts(line, expected):
    assert parse_facts(line) == expected


def test_a_line_break_in_a_name_is_no_end_of_a_line():
    assert split_lines("one\nstill\r\ntwo\r\n") == ["one\nstill", "two", ""]
    assert split_lines("one\ntwo\n") == ["one", "two", ""]
