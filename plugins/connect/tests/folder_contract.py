"""What channels that watch a folder hold in common, on a real server: their tests inherit these
besides the conformance kit's own.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import Request, Response, Unavailable
from hansa_connect.claims import Claim
from hansa_devkit import ChannelContract, Inbox
from hansa_devkit.harness.waiting import wait_until

from plugins.connect.tests.file_contract import MEGABYTE, OnServer

_numbers = itertools.count()


class FolderContract(OnServer, ChannelContract):
    """Files that are put into the folder `in`."""

    patience = 30.0

    @pytest.fixture(autouse=True)
    def _watched(self, _empty):
        self.watched.mkdir()
        self.peer.own(self.watched)

    @property
    def watched(self) -> Path:
        return self.root / "in"

    def settings(self) -> dict[str, Any]:
        quick = {"interval": 0.05, "settle": 0, "retry_delay": 0.05, "timeout": 5}
        return {**super().settings(), "folder": self.where("in"), **quick}

    def where(self, path: str) -> str:
        return path

    def send(self, raw: bytes) -> None:
        self.put(f"message-{next(_numbers)}", raw)
        time.sleep(0.05)  # a sender takes some time for a file, as the channel does

    def put(self, name: str, content: bytes = b"content") -> None:
        """Put a file there whole, as any proper sender does."""
        part = self.watched / f".{name[:100]}.{threading.get_ident()}.part"
        part.write_bytes(content)
        part.rename(self.watched / name)

    def names(self, folder: str = "") -> list[str]:
        """The names in a folder below the watched one, in the order of time; those of the marks are
        cut off.
        """
        path = self.watched / folder
        return [each.name for each in sorted(path.iterdir())] if path.exists() else []

    def left(self) -> list[str]:
        """Everything below the watched folder but folders."""
        return [
            str(path.relative_to(self.watched))
            for path in self.watched.rglob("*")
            if not path.is_dir()
        ]

    # -- what arrives ------------------------------------------------------------------------------

    def test_a_file_arrives_with_what_is_known_of_it_and_is_gone(self):
        inbox = Inbox()
        with self.receiving(inbox):
            self.put("Grüße 1.csv", b"a;b\n")
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.left())
        assert request.raw == b"a;b\n" and request.attempt == 1
        assert request.headers["file-name"] == "Grüße 1.csv" and request.headers["file-size"] == "4"
        assert request.headers["file-path"] == f"{self.where('in')}/Grüße 1.csv"
        assert request.headers["file-modified"].endswith("+00:00")

    def test_only_what_is_meant_is_taken(self):
        inbox = Inbox()
        with self.receiving(inbox, pattern=["*.csv", "orders-?.txt"]):
            for name in ("a.CSV", "b.txt", "orders-12.txt", ".c.csv", "d.csv.part", "e.csv~"):
                self.put(name)
            (self.watched / "folder.csv").mkdir()
            (self.watched / "link.csv").symlink_to("/etc/hostname")
            for name in ("orders-1.txt", "x.csv"):
                self.put(name, name.encode())
            assert {request.raw for request in inbox.wait(2, self.patience)} == {
                b"orders-1.txt",
                b"x.csv",
            }
            assert not inbox.has(3, self.settle)
        assert (self.watched / "link.csv").is_symlink() and len(self.names()) >= 8

    def test_older_files_come_first(self):
        for age, name in ((10, "c"), (3600, "b"), (7200, "a")):
            self.put(name, name.encode())
            os.utime(self.watched / name, (time.time() - age,) * 2)
        inbox = Inbox()
        with self.receiving(inbox):
            assert [request.raw for request in inbox.wait(3, self.patience)] == [b"a", b"b", b"c"]

    def test_what_was_handled_may_be_kept(self):
        inbox = Inbox()
        with self.receiving(inbox, done="done"):
            for content in (b"1", b"2"):  # the same name twice
                self.put("a.csv", content)
                inbox.wait(int(content), self.patience)
            wait_until(lambda: len(self.names("done")) == 2)
        assert [name.partition("-")[2].partition("-")[2] for name in self.names("done")] == [
            "a.csv",
            "a.csv",
        ]
        assert sorted(path.read_bytes() for path in (self.watched / "done").iterdir()) == [
            b"1",
            b"2",
        ]

    def test_blanks_and_arrows_are_part_of_a_name(self):
        inbox = Inbox()
        names = [
            " lead.csv",
            "  two.csv",
            "trail.csv ",
            " both ",
            "in  ner",
            "a -> b",
            "tab\u00a0x",
        ]
        with self.receiving(inbox):
            for name in names:
                self.put(name, name.encode())
            got = inbox.wait(len(names), self.patience)
            wait_until(lambda: not self.left())
        assert {request.headers["file-name"] for request in got} == set(names)
        assert all(each.raw.decode() == each.headers["file-name"] for each in got)

    def test_line_breaks_in_names_are_told_and_hold_nothing_up(self, caplog):
        inbox = Inbox()
        (self.watched / "line\nbreak.csv").write_bytes(b"hostile")
        (self.watched / "line\r\nbreak.csv").write_bytes(b"hostile")
        with self.receiving(inbox) as channel:
            time.sleep(0.5)
            assert self.current(channel) not in self.server.objects.losses
            self.put("good.csv")
            inbox.wait(1, self.patience)
        assert [request.headers["file-name"] for request in inbox.requests] == ["good.csv"]
        told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert len(told) == len(set(told)) <= 4

    # -- a source that may only be read ------------------------------------------------------------

    def test_a_read_only_source_is_remembered_across_restarts_and_not_touched(self):
        inbox = Inbox()
        for name in ("a.csv", " b.csv"):
            self.put(name, name.encode())
        self.watched.chmod(0o555)
        for _ in range(2):
            with self.receiving(inbox, read_only=True):
                inbox.wait(2, self.patience)
                assert not inbox.has(3, self.settle)
        self.watched.chmod(0o755)
        with self.receiving(inbox, read_only=True):
            self.put("a.csv", b"another content")
            inbox.wait(3, self.patience)
            assert not inbox.has(4, self.settle)
        got = [request.raw for request in inbox.requests]
        assert sorted(got) == [b" b.csv", b"a.csv", b"another content"]
        assert self.names() == [" b.csv", "a.csv"] and not self.lost()

    def test_a_read_only_source_is_tried_again_and_given_up_in_memory(self, caplog):
        inbox = Inbox("retry")
        self.put("poison.csv")
        with self.receiving(inbox, read_only=True, max_attempts=3, retry_delay=0.3):
            inbox.wait(2, self.patience)
        with self.receiving(inbox, read_only=True, max_attempts=3):
            inbox.wait(3, self.patience)
            assert not inbox.has(4, self.settle)
        assert [request.attempt for request in inbox.requests] == [1, 2, 3]
        assert self.names() == ["poison.csv"]
        assert "given up after 3 attempts" in caplog.text

    def test_what_does_not_fit_into_memory_is_told_and_makes_no_other_come_twice(self):
        inbox = Inbox()
        for name in ("a", "b", "c"):
            self.put(name, name.encode())
        with self.receiving(inbox, read_only=True, remember_limit=2) as channel:
            inbox.wait(2, self.patience)
            troubles = self.server.objects.troubles
            wait_until(lambda: "remember_limit" in troubles.get(self.current(channel), ""))
            (self.watched / inbox.requests[0].raw.decode()).unlink()
            inbox.wait(3, self.patience)
            assert not inbox.has(4, self.settle)
        assert sorted(request.raw for request in inbox.requests) == [b"a", b"b", b"c"]

    # -- never half a file -------------------------------------------------------------------------

    def test_a_file_that_is_being_written_is_left_alone(self):
        inbox = Inbox()
        with (
            self.receiving(inbox, settle=0.6),
            open(self.watched / "slow.csv", "wb", buffering=0) as file,
        ):
            for _ in range(10):
                file.write(b"x" * 1000)
                assert not inbox.has(1, 0.2)
            [request] = inbox.wait(1, self.patience)
        assert len(request.raw) == 10_000

    def test_a_file_that_grows_once_it_is_claimed_is_left_until_it_has_settled(self):
        inbox = Inbox()
        channel = self.make()
        channel.dispatch = inbox
        original, grown = channel._take, []
        with open(self.watched / "slow.csv", "ab", buffering=0) as file:
            file.write(b"x" * 1000)

            def take(entry):
                claim = original(entry)
                grown.append(file.write(b"y" * 1000))
                return claim

            channel._take = take
            with self.running(channel):
                [request] = inbox.wait(1, self.patience)
                assert grown and len(request.raw) == 2000
                assert not inbox.has(2, self.settle)

    def receiving_in_place(self, inbox: Inbox, replace: Callable[[], object]) -> Any:
        """A channel that has listed a file when another takes its place."""
        channel = self.make()
        channel.dispatch = inbox
        original = channel._take
        replacing = iter([replace])

        def take(entry):
            for once in replacing:
                once()
            return original(entry)

        channel._take = take
        return self.running(channel)

    @pytest.mark.parametrize("content", [b"another", b"a longer one", b"-"])
    def test_a_file_that_takes_the_place_of_a_listed_one_is_delivered_instead(self, content):
        inbox = Inbox()
        self.put("a.csv", b"content")
        os.utime(self.watched / "a.csv", (1, 1))
        with self.receiving_in_place(inbox, lambda: self.put("a.csv", content)):
            [request] = inbox.wait(1, self.patience)
            assert not inbox.has(2, self.settle)
        assert request.raw == content and request.headers["file-size"] == str(len(content))
        assert not self.left()

    def test_a_link_that_takes_the_place_of_a_listed_file_is_not_followed(self, tmp_path):
        inbox = Inbox()
        self.put("a.csv", b"content")
        (tmp_path / "secret").write_bytes(b"secret!")  # as many bytes

        def replace() -> None:
            (self.watched / "a.csv").unlink()
            (self.watched / "a.csv").symlink_to(tmp_path / "secret")
            self.put("good.csv", b"good")

        with self.receiving_in_place(inbox, replace) as channel:
            inbox.wait(1, self.patience)
            wait_until(lambda: not self.names(channel.config.claimed))
            assert not inbox.has(2, self.settle)
        assert [request.raw for request in inbox.requests] == [b"good"]

    def test_the_same_name_again_while_the_first_is_in_hand(self):
        entered, release, got = threading.Event(), threading.Event(), []

        def slow(request: Request) -> Response:
            entered.set()
            release.wait(20)
            got.append(request.raw)
            return Response()

        channel = self.make()
        channel.dispatch = slow
        with self.running(channel):
            self.put("a.csv", b"first")
            assert entered.wait(self.patience)
            self.put("a.csv", b"second")
            release.set()
            wait_until(lambda: len(got) == 2)
            wait_until(lambda: not self.left())
        assert got == [b"first", b"second"]

    def test_two_channels_never_take_the_same_file(self):
        first, second = Inbox(), Inbox()
        other = self.make("other")
        other.dispatch = second
        with self.receiving(first), self.running(other):
            for number in range(60):
                self.put(f"{number}.csv", b"%d" % number)
            wait_until(lambda: len(first.requests) + len(second.requests) >= 60 and not self.left())
        got = sorted(int(request.raw) for request in [*first.requests, *second.requests])
        assert got == list(range(60))

    # -- what fails --------------------------------------------------------------------------------

    def test_a_poison_file_is_tried_so_often_then_put_aside_with_the_cause(self):
        inbox = Inbox("retry")
        with self.receiving(inbox, max_attempts=3):
            self.put("poison.csv", b"bad")
            inbox.wait(3, self.patience)
            wait_until(lambda: len(self.names("failed")) == 2)
            assert not inbox.has(4, self.settle)
            inbox.outcome = "done"
            self.put("good.csv")
            inbox.wait(4, self.patience)
        assert [request.attempt for request in inbox.requests] == [1, 2, 3, 1]
        file, cause = self.names("failed")
        assert file.endswith("-poison.csv") and cause == file + ".cause.json"
        assert (self.watched / "failed" / file).read_bytes() == b"bad"
        told = json.loads((self.watched / "failed" / cause).read_text())
        assert (
            told["file"] == "poison.csv"
            and told["attempts"] == 3
            and told["channel"] == "conformance"
        )
        assert told["service"] == "echo" and "conformance kit asks" in told["problem"]["detail"]
        assert told["problem"]["cid"] == inbox.requests[2].cid

    def test_a_rejected_file_is_put_aside_at_once(self):
        inbox = Inbox("reject")
        with self.receiving(inbox):
            self.put("bad.csv")
            wait_until(lambda: len(self.names("failed")) == 2)
        assert len(inbox.requests) == 1

    def test_the_cause_tells_no_traceback(self):
        def unexpected(request: Request) -> Response:
            response = Response(status=500)
            response.outcome, response.error = "retry", ZeroDivisionError("secret inner thing")
            return response

        channel = self.make(max_attempts=1)
        channel.dispatch = unexpected
        with self.running(channel):
            self.put("bad.csv")
            wait_until(lambda: len(self.names("failed")) == 2)
        cause = (self.watched / "failed" / self.names("failed")[1]).read_text()
        assert (
            "secret inner thing" not in cause
            and "ZeroDivisionError" not in cause
            and "cid" in cause
        )

    def test_a_file_whose_service_kills_its_process_is_put_aside_after_so_many(self):
        """The channel dies with its process: what is left on the server is all that the next one
        knows.
        """
        for attempt in range(1, 4):
            channel, died = self.make(max_attempts=3), threading.Event()
            forever = threading.Event()

            def die(request: Request, attempt=attempt, died=died, forever=forever) -> Response:
                assert request.attempt == attempt
                died.set()
                forever.wait()
                return Response()

            channel.dispatch = die
            if attempt == 1:
                self.put("crash.csv")
            channel.start()
            assert died.wait(self.patience)
            assert channel.pool is not None
            channel._stopping.set()
            channel._rename = channel._finish = channel._fail = lambda *ignored: (
                None
            )  # it does nothing any more
            forever.set()
            channel._thread.join(10)
            channel.stop()
        inbox = Inbox()
        with self.receiving(inbox, max_attempts=3):
            wait_until(lambda: len(self.names("failed")) == 2)
            assert not inbox.requests
        told = json.loads((self.watched / "failed" / self.names("failed")[1]).read_text())
        assert told["attempts"] == 3 and "process" in told["problem"]["detail"]

    def test_too_large_a_content_is_put_aside_unread(self):
        inbox = Inbox()
        with self.receiving(inbox, limit=1000):
            with open(self.watched / ".big.part", "wb") as file:
                file.truncate(50 * MEGABYTE)
            (self.watched / ".big.part").rename(self.watched / "big.csv")
            self.put("small.csv", b"x" * 1000)
            inbox.wait(1, self.patience)
            wait_until(lambda: len(self.names("failed")) == 2)
        assert [request.headers["file-name"] for request in inbox.requests] == ["small.csv"]
        told = json.loads((self.watched / "failed" / self.names("failed")[1]).read_text())
        assert told["problem"]["status"] == 413 and told["attempts"] == 0

    def test_names_that_cannot_be_handled_stay_and_are_told_once(self, caplog):
        inbox = Inbox()
        for name in (b"a\rb", b"\xff\xfe", b"esc\x1b[2J", b"x" * 250):
            (self.watched / os.fsdecode(name)).write_bytes(b"hostile")
        with self.receiving(inbox):
            self.put("good.csv")
            inbox.wait(1, self.patience)
            assert not inbox.has(2, self.settle)
        warned = [
            record.getMessage()
            for record in caplog.records
            if "left where it is" in record.getMessage()
        ]
        assert (
            len(warned) == len(set(warned)) <= 4
            and "\x1b" not in "".join(warned)
            and "\r" not in "".join(warned)
        )
        assert len(self.names()) >= 4

    def test_what_only_looks_like_a_claim_holds_nothing_up(self):
        inbox, owner = Inbox(), self.make()
        with self.running(owner):
            claimed = Claim.new(owner._owner, "x")
        folder = self.watched / "claimed"
        (folder / claimed.again(owner._owner).file).symlink_to("/etc/passwd")
        (folder / (claimed.file + "folder")).mkdir()
        (folder / (claimed.file + "\r\nDELE good.csv")).write_bytes(b"")
        (folder / "anything").write_bytes(b"")
        with self.receiving(inbox):
            self.put("good.csv")
            inbox.wait(1, self.patience)
            assert not inbox.has(2, self.settle)
        assert (
            inbox.requests[0].headers["file-name"] == "good.csv"
            and len(list(folder.iterdir())) == 4
        )

    def test_a_file_that_the_server_cannot_read_does_not_hold_up_the_others(self):
        inbox, channel = Inbox(), self.make(retry_delay=0.3)
        channel.dispatch = inbox
        original = channel._fetch
        tried: list[Any] = []

        def fetch(claim, local, size):
            if claim.name == "bad.csv" and len(tried) < 2:
                tried.append(claim.attempt)
                raise Unavailable("451 read error on the disk")
            return original(claim, local, size)

        channel._fetch = fetch
        self.put("bad.csv", b"bad")
        with self.running(channel):
            wait_until(lambda: tried)
            self.put("good.csv", b"good")
            assert [request.raw for request in inbox.wait(2, self.patience)] == [b"good", b"bad"]
        assert tried == [0, 0] and not self.lost()

    # -- files that do not fit into memory ---------------------------------------------------------

    def test_deliver_path_gives_a_local_copy_that_is_deleted_later(self):
        seen = []

        def look(request: Request) -> Response:
            path = Path(request.payload["path"])
            seen.append(
                (
                    request.payload,
                    path.read_bytes(),
                    path.stat().st_mode & 0o077,
                    path.parent.stat().st_mode & 0o077,
                )
            )
            return Response()

        channel = self.make(deliver="path", limit=1)
        channel.dispatch = look
        with self.running(channel):
            self.put("a b.csv", b"content")
            wait_until(lambda: seen and not self.left())
        payload, content, _, folder_mode = seen[0]
        assert content == b"content" and folder_mode == 0
        assert (
            payload["name"] == "a b.csv"
            and payload["size"] == 7
            and payload["path"].endswith("a_b.csv")
        )
        assert not Path(payload["path"]).exists()

    huge = 128 * MEGABYTE

    def test_a_huge_file_moves_in_constant_memory(self):
        size, seen = self.huge, []
        with open(self.watched / ".huge.part", "wb") as file:
            file.truncate(size)
        (self.watched / ".huge.part").rename(self.watched / "huge.bin")

        def look(request: Request) -> Response:
            seen.append(os.stat(request.payload["path"]).st_size)
            return Response()

        channel = self.make(deliver="path")
        channel.dispatch = look
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with self.running(channel):
            wait_until(lambda: seen and not self.left(), 100)
        assert seen == [size]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 * 1024  # KiB

    # -- a server that fails -----------------------------------------------------------------------

    def test_a_server_that_dies_again_and_again_loses_nothing_and_gives_no_half_file(self):
        inbox, count = Inbox(), 100
        contents = {b"%04d" % number + os.urandom(1) * (20_000 + number) for number in range(count)}
        with self.receiving(inbox) as channel:

            def send_all() -> None:
                for content in contents:
                    self.send(content)
                    time.sleep(0.01)

            sending = threading.Thread(target=send_all)
            sending.start()
            for _ in range(3):
                inbox.has(len(inbox.requests) + 8, self.patience)
                self.peer.kill()
                self.peer.start()
                wait_until(lambda: self._serves(channel), 15)
            sending.join()
            inbox.until(lambda: {request.raw for request in inbox.requests} == contents, 30)
            wait_until(lambda: not self.left())
        got = [request.raw for request in inbox.requests]
        assert set(got) == contents, "lost or half"
        assert len(got) - count <= 3, "more came twice than were in hand"

    def _serves(self, channel: Any) -> bool:
        try:
            current = self.current(channel)
        except Exception:
            return False
        return current.pool is not None and current not in getattr(self.server, "losses", {})

    def test_what_was_handled_is_not_delivered_again_when_the_server_dies_before_that_is_told(self):
        got = []

        def kill(request: Request) -> Response:
            got.append(request.raw)
            if len(got) == 1:
                self.peer.kill()
            return Response()

        channel = self.make()
        channel.dispatch = kill
        with self.running(channel):
            self.put("once.csv")
            wait_until(lambda: got)
            wait_until(self.lost)
            self.peer.start()
            wait_until(lambda: self._serves(channel), 15)
            wait_until(lambda: not self.left())
        assert got == [b"content"]

    def test_a_server_that_stands_still_is_told_and_does_not_hold_up_the_end(self):
        inbox = Inbox()
        with self.receiving(inbox, timeout=1) as channel:
            self.put("a.csv", b"1")
            inbox.wait(1, self.patience)
            with self.peer_hangs():
                wait_until(self.lost, 10, "core is told")
            wait_until(lambda: self._serves(channel), 15)
            self.put("b.csv", b"2")
            inbox.wait(2, self.patience)
        other = self.make(timeout=20)
        other.dispatch = inbox
        other.start()
        with self.peer_hangs():
            time.sleep(0.2)  # it is waiting for an answer now
            began = time.monotonic()
            other.stop()
            assert time.monotonic() - began < 5
        assert [request.raw for request in inbox.requests] == [b"1", b"2"]

    def test_one_who_was_overtaken_does_no_harm(self):
        """A worker that stood still until another one had taken its file over wakes up, and its
        service comes to an end.
        """
        entered, release, inbox = threading.Event(), threading.Event(), Inbox()

        def slow(request: Request) -> Response:
            entered.set()
            release.wait(20)
            return Response()

        first, second = self.make(), self.make()
        first.dispatch, second.dispatch = slow, inbox
        with self.running(first):
            self.put("a.csv")
            assert entered.wait(self.patience)
            with self.running(second):
                inbox.wait(1, self.patience)
                wait_until(lambda: not self.left())
                release.set()
                self.put("b.csv")
                wait_until(lambda: not self.left())
        assert not self.lost()

    def test_what_another_channel_left_is_taken_over_after_its_time(self):
        failing, inbox = Inbox("retry"), Inbox()
        with self.receiving(failing, retry_delay=0.1):
            self.put("a.csv")
            failing.wait(1, self.patience)
        assert self.left()
        other = self.make("other", claim_timeout=1)
        other.dispatch = inbox
        with self.running(other):
            assert not inbox.has(1, 0.5)
            inbox.wait(1, self.patience)
            wait_until(lambda: not self.left())
