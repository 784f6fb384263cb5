"""What connectors to remote files hold in a real server of Hansa: the README's example, an outage,
edits under load, crashes.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

SERVICES = """
import os

from hansa import Invalid, Service, Unavailable


class Put(Service):
    def handle(self):
        name = f"{os.getpid()}-{self.request.cid}"
        files = self.outgoing.TYPE["files"]
        files.write(name, "content")
        if files.read(name) != b"content":
            raise ValueError
        files.delete(name)
        return name


class Take(Service):
    def handle(self):
        what = self.request.raw.decode()
        with open("PATH", "a") as file:
            file.write(f"{what} {self.request.attempt}\\n")
        if what == "crash":
            os._exit(1)
        if what == "poison":
            raise Invalid("poison")
"""


class ServerContract:
    """`type` is that of channel and connection, `make_peer` the server of files; `plugin` is the
    plugin's name where it is not that of the type, `outage_words` what the log says of an outage.
    """

    type: ClassVar[str]
    plugin: ClassVar[str] = ""
    outage_words: ClassVar[tuple[str, ...]] = ("cannot connect", "broke")
    make_peer: ClassVar[Any]
    readme: ClassVar[Path]

    @pytest.fixture
    def peer(self):
        with self.make_peer() as peer:
            for folder in ("in", "out"):
                (peer.root / folder).mkdir()
                peer.own(peer.root / folder)
            yield peer

    def place(self, peer: Any) -> dict[str, Any]:
        """The settings of a definition, with a short time-out."""
        return {**peer.settings, "timeout": 3}

    def put(self, peer: Any, name: str, content: str) -> None:
        """Put a file into the watched folder as proper senders do."""
        (peer.root / "in" / f".{name}.part").write_text(content)
        (peer.root / "in" / f".{name}.part").rename(peer.root / "in" / name)

    def watching(self, peer: Any) -> dict[str, Any]:
        """The settings of the channel."""
        place = self.place(peer)
        folder = "/".join(filter(None, [place.get("folder", ""), "in"]))
        return {**place, "folder": folder, "service": "files.take", "interval": 0.1, "settle": 0}

    def deploy(self, server: RunningServer, path: Path) -> None:
        server.deploy("files.py", SERVICES.replace("TYPE", self.type).replace("PATH", str(path)))
        server.api("admin.channel.http.create", name="put", url_path="/put", service="files.put")

    def states(self, server: RunningServer, kind: str) -> set[str]:
        found = server.api(f"admin.{kind}.{self.type}.get", name="files")["states"]
        return {state["state"] for state in found.values()}

    def example(self, peer: Any, config: str) -> str:
        """The README's config.toml with the address of the server that is here."""
        raise NotImplementedError

    def test_the_worked_example_works(self, peer, start_server):
        blocks = dict(
            re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", self.readme.read_text(), re.S)
        )
        server = start_server(
            self.example(peer, blocks["config.toml"]),
            start=False,
            workers=1,
            plugins=[self.plugin or self.type],
            env={"PARTNER_PASSWORD": peer.password},
        )
        (server.folder / "orders.py").write_text(blocks["orders.py"])
        server.start()
        receipt = peer.root / "out/may.csv.receipt"
        self.put(peer, "may.csv", "1;Ada\n2;Grace\n")
        wait_until(receipt.exists, 20, "the receipt")
        assert receipt.read_text() == "2 orders\n"
        wait_until(lambda: not list((peer.root / "in").glob("*.csv")))
        self.put(peer, "other.txt", "")
        self.put(peer, "empty.csv", "")
        wait_until(lambda: not (peer.root / "in/empty.csv").exists())
        assert (peer.root / "in/other.txt").exists()

    @pytest.mark.proof
    def test_an_outage_is_told_and_everything_goes_on_afterwards(
        self, peer, start_server, tmp_path
    ):
        server = start_server(workers=2, plugins=[self.plugin or self.type])
        self.deploy(server, tmp_path / "taken")
        server.api(f"admin.outgoing.{self.type}.create", name="files", **self.place(peer))
        server.api(f"admin.channel.{self.type}.create", name="files", **self.watching(peer))
        self.put(peer, "a", "one")
        wait_until((tmp_path / "taken").exists)
        assert server.post("/put").status_code == 200, server.log()
        peer.kill()
        began = time.monotonic()
        wait_until(
            lambda: "retrying" in self.states(server, "channel"), 10, "the state of the channel"
        )
        while "retrying" not in self.states(server, "outgoing"):
            assert server.post("/put").status_code in (503, 504)
            assert time.monotonic() - began < 15
        told = server.post("/put")
        assert told.status_code == 503
        logged = server.log()
        assert any(words in logged for words in self.outage_words)
        peer.start()
        self.put(peer, "b", "two")
        wait_until(lambda: (tmp_path / "taken").read_text() == "one 1\ntwo 1\n", 30)
        wait_until(lambda: all(server.post("/put").status_code == 200 for _ in range(4)), 30)
        wait_until(lambda: self.states(server, "outgoing") == {"running"}, 30)
        wait_until(lambda: self.states(server, "channel") == {"running", "elsewhere"}, 30)

    def other_login(self, peer: Any) -> dict[str, Any]:
        """Settings of another login that the server takes too."""
        raise NotImplementedError

    def test_refused_credentials_are_told_and_a_right_one_heals(self, peer, start_server, tmp_path):
        server = start_server(workers=1, plugins=[self.plugin or self.type])
        self.deploy(server, tmp_path / "taken")
        wrong = (
            {"password": "wrong-one"}
            if "password" in self.place(peer)
            else {"username": "nobody-else"}
        )
        server.api(
            f"admin.outgoing.{self.type}.create", name="files", **{**self.place(peer), **wrong}
        )
        server.api(
            f"admin.channel.{self.type}.create", name="files", **{**self.watching(peer), **wrong}
        )
        for kind in ("outgoing", "channel"):
            wait_until(
                lambda kind=kind: self.states(server, kind) == {"retrying"},
                30,
                f"the state of the {kind}",
            )
            told = str(server.api(f"admin.{kind}.{self.type}.get", name="files")["states"])
            assert "refuses" in told and "wrong-one" not in told
        refused = server.post("/put")
        assert refused.status_code == 503
        assert "refuses" not in refused.text  # what is wrong with a peer is for administrators
        assert "refuses" in server.log()
        for kind in ("outgoing", "channel"):
            server.api(
                f"admin.{kind}.{self.type}.edit",
                name="files",
                **{name: self.place(peer)[name] for name in wrong},
            )
            wait_until(
                lambda kind=kind: self.states(server, kind) == {"running"}, 30, f"the {kind} runs"
            )
        assert server.post("/put").status_code == 200
        self.put(peer, "a", "one")
        wait_until((tmp_path / "taken").exists, 30)
        assert "wrong-one" not in server.log()

    @pytest.mark.proof
    def test_edits_of_address_and_login_under_load_fail_no_call(self, peer, start_server, tmp_path):
        server = start_server(workers=2, plugins=[self.plugin or self.type])
        self.deploy(server, tmp_path / "taken")
        server.api(f"admin.outgoing.{self.type}.create", name="files", **self.place(peer))
        answers, done = [], threading.Event()

        def load() -> None:
            while not done.is_set():
                answers.append(server.post("/put").status_code)

        threads = [threading.Thread(target=load) for _ in range(3)]
        with self.make_peer() as second:
            for thread in threads:
                thread.start()
            for place in (self.other_login(peer), self.place(second), self.place(peer)) * 2:
                count = len(answers)
                server.api(f"admin.outgoing.{self.type}.edit", name="files", **place)
                wait_until(lambda count=count: len(answers) > count + 8, 30)
            done.set()
            for thread in threads:
                thread.join()
        assert set(answers) == {200}, server.log()[-3000:]

    @pytest.mark.proof
    def test_a_file_that_kills_its_worker_is_given_up_and_the_others_go_through(
        self, peer, start_server, tmp_path
    ):
        server = start_server(workers=2, plugins=[self.plugin or self.type])
        self.deploy(server, tmp_path / "taken")
        server.api(
            f"admin.channel.{self.type}.create", name="files", **self.watching(peer), max_attempts=2
        )
        for number, content in enumerate(("one", "crash", "poison", "two")):
            self.put(peer, f"{number}.txt", content)

        def failed() -> list[str]:
            folder = peer.root / "in/failed"
            return (
                sorted(path.name.rpartition("-")[2] for path in folder.iterdir())
                if folder.exists()
                else []
            )

        expected = ["1.txt", "1.txt.cause.json", "2.txt", "2.txt.cause.json"]
        wait_until(lambda: failed() == expected, 70, "what failed is put aside")
        wait_until(lambda: "two 1" in (tmp_path / "taken").read_text(), 20)
        taken = (tmp_path / "taken").read_text().split("\n")
        assert sorted(filter(None, taken)) == ["crash 1", "crash 2", "one 1", "poison 1", "two 1"]
