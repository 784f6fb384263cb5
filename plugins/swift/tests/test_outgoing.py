"""The outgoing connection holds the contract on Swift, and does what object stores are used for."""

from __future__ import annotations

import io
import os
import secrets
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psutil
import pytest
from hansa import HansaError, Invalid, Misused, ResultTooLarge, TimedOut, Unavailable, load
from hansa_connect.remote import RemoteConflict, RemoteForbidden, RemoteNotFound
from hansa_devkit import OutgoingContract
from hansa_swift.outgoing import SwiftOutgoing
from hansa_swift.settings import SwiftSendingSettings

from plugins.connect.tests.object_contract import Endless
from plugins.swift.tests.on_swift import OnSwift
from plugins.swift.tests.swift_server import CONTAINER

MIB = 1024 * 1024
NAMES = ("plain", "a b/ż (1)+~%2F.txt", "*!'$&@=,;:?#", "größe/мир.csv")


@pytest.mark.evidence("tls", "real_server")
class TestSwift(OnSwift, OutgoingContract):
    cls = SwiftOutgoing
    quick = 4.0
    refusal = "refuses the credentials of test:tester"

    def settings(self):
        return {**super().settings(), "timeout": 20}

    def peer_refuses(self):
        return self.other_password("another-one")

    def use(self, outgoing):
        name = secrets.token_hex(4)
        outgoing.put(name, b"content")
        assert outgoing.read(name) == b"content"

    @pytest.mark.parametrize("name", NAMES)
    def test_the_tour(self, name):
        with self.running(metadata={"origin": "tests"}) as store:
            stored = store.put(name, "Grüße", content_type="text/plain", metadata={"Order": "7 ż"})
            assert stored.size == 7 and stored.etag and stored.metadata["order"] == "7 ż"
            found = store.stat(name)
            assert (found.size, found.etag, found.content_type) == (7, stored.etag, "text/plain")
            assert found.metadata == {"origin": "tests", "order": "7 ż"}
            assert store.exists(name) and not store.exists(f"{name}-not")
            assert store.read(name).decode() == "Grüße"
            assert store.read(name, offset=2, length=3) == "Grüße".encode()[2:5]
            assert store.read(name, offset=5) == "Grüße".encode()[5:]
            store.copy(name, f"copy/{name}")
            assert store.stat(f"copy/{name}").metadata == found.metadata
            assert [one.name for one in store.list("copy/")] == [f"copy/{name}"]
            assert "copy/" in list(store.folders())
            assert store.delete_many([name, f"copy/{name}"]) == {}
            assert list(store.list()) == []
            store.delete(name)

    @pytest.mark.parametrize("name", ["..", "x/../y", "../other/y", "x/./y", "x/.."])
    def test_no_name_leads_out_of_its_container(self, name):
        with self.running() as store:
            with pytest.raises(Invalid) as caught:
                store.put(name, b"1")
            assert caught.value.errors == {"name": "must have no part that is . or .."}
            with pytest.raises(Invalid):
                store.put("y", b"1", container="..")
            # an object that is called so all the same is that one, and no other
            with store.client() as client:
                client.put_object(CONTAINER, name, b"1")
            assert [one.name for one in store.list()] == [name]
            with store.client() as client:
                assert client.get_object(CONTAINER, name)[1] == b"1"
                client.delete_object(CONTAINER, name)
            assert list(store.list()) == []

    def test_what_is_empty_is_stored_too(self):
        with self.running() as store:
            store.put("empty", b"")
            store.upload(io.BytesIO(b""), "empty too")
            assert store.read("empty") == store.read("empty too") == b""
            assert [one.size for one in store.list()] == [0, 0]

    def test_containers(self):
        name = f"ż-{secrets.token_hex(4)}"
        with self.running() as store:
            store.make_container(name)
            assert {name, CONTAINER} <= set(store.containers())
            store.put("k", b"1", container=name)
            assert store.read("k", container=name) == b"1" and not store.exists("k")
            with pytest.raises(RemoteConflict):
                store.delete_container(name)
            store.delete("k", container=name)
            store.delete_container(name)
            assert name not in store.containers()

    def test_listings_come_in_pages(self, monkeypatch):
        monkeypatch.setattr("hansa_swift.reading.PAGE", 10)
        with self.running() as store:
            with ThreadPoolExecutor(8) as several:
                list(several.map(lambda n: store.put(f"many/{n:02}", b""), range(25)))
            found = [one.name for one in store.list("many/")]
            assert found == [f"many/{number:02}" for number in range(25)]
            assert len(list(store.list("many/", start_after="many/19"))) == 5
            store.put("one/more", b"")
            assert list(store.folders()) == ["many/", "one/"]
            store.delete("one/more")
            assert store.delete_many(found) == {}
            assert list(store.list("many/")) == []

    def test_an_object_may_have_an_end(self):
        with self.running() as store:
            store.put("k", b"1", delete_after=3600)
            with store.client() as client:
                headers = client.head_object(CONTAINER, "k")
            assert 3500 < int(headers["x-delete-at"]) - time.time() < 3700

    # -- large ones --------------------------------------------------------------------------------

    def test_a_stream_of_any_size_needs_a_block_of_memory(self):
        size = 96 * MIB + 1
        with self.running(segment_size=16 * MIB, timeout=60) as store:
            store.upload(Endless(2 * MIB), "warm")
            before = psutil.Process().memory_info().rss
            sent = store.upload(Endless(size), "large", metadata={"a": "b"})
            assert sent.size == size and sent.segmented and sent.metadata == {"a": "b"}
            assert len(self.peer.names("large/", f"{CONTAINER}_segments")) == 7
            with store.open("large") as stream:
                received = peak = 0
                while block := stream.read():
                    received += len(block)
                    peak = max(peak, psutil.Process().memory_info().rss)
            assert received == size
            assert peak - before < 48 * MIB, (peak - before) // MIB
            assert store.read("large", offset=16 * MIB - 2, length=4)
            store.upload(io.BytesIO(b"small"), "large")
            assert store.read("large") == b"small"
            assert self.peer.names("large/", f"{CONTAINER}_segments") == []

    def test_a_large_object_goes_with_its_segments(self):
        with self.running(segment_size=MIB, segment_container="parts") as store:
            content = os.urandom(3 * MIB + 7)
            store.upload(io.BytesIO(content), "große")
            assert store.read("große") == content and len(self.peer.names(container="parts")) == 4
            [listed] = store.list("große")
            assert listed.etag == store.stat("große").etag and listed.size == len(content)
            store.copy("große", "copied")
            store.delete("große")
            assert not store.exists("große") and self.peer.names(container="parts") == []
            assert store.read("copied") == content

    def test_files_arrive_whole(self, tmp_path):
        source, target = tmp_path / "source", tmp_path / "target"
        content = os.urandom(5 * MIB)
        source.write_bytes(content)
        with self.running(segment_size=2 * MIB) as store:
            for segments, limit in ((3, 2 * MIB), (0, 5 * MIB)):
                with self.running(segment_size=limit) as other:
                    assert other.upload(source, "file", metadata={"a": "b"}).size == len(content)
                    assert other.stat("file").segmented == bool(segments)
                    assert len(self.peer.names("file/", f"{CONTAINER}_segments")) == segments
                assert store.download("file", target) == len(content)
                assert target.read_bytes() == content
                assert store.stat("file").metadata == {"a": "b"}
            into = io.BytesIO()
            store.download("file", into)
            assert into.getvalue() == content
            with pytest.raises(RemoteNotFound):
                store.download("nowhere", tmp_path / "other")
        assert sorted(os.listdir(tmp_path)) == ["source", "target"]

    @pytest.mark.parametrize("fault", [ValueError("the source broke"), OSError("the source broke")])
    def test_of_an_upload_that_fails_nothing_is_left(self, fault):
        class Breaking(Endless):
            def read(self, size=-1):
                if self.left < 2 * MIB:
                    raise fault
                return super().read(size)

        with self.running(segment_size=MIB) as store:
            with pytest.raises(type(fault), match="the source broke"):
                store.upload(Breaking(6 * MIB), "broken")
            assert not store.exists("broken")
            assert self.peer.names(container=f"{CONTAINER}_segments") == []
            self.use(store)

    def test_more_segments_than_there_may_be_are_refused(self, monkeypatch):
        monkeypatch.setattr("hansa_swift.segments.MOST_SEGMENTS", 2)
        with self.running(segment_size=MIB) as store:
            with pytest.raises(Invalid, match="segment_size"):
                store.upload(Endless(2 * MIB + 1), "long")
            assert self.peer.names(container=f"{CONTAINER}_segments") == []

    def test_an_upload_ends_at_its_deadline(self):
        class Slow(Endless):
            def read(self, size=-1):
                time.sleep(0.1)  # this is what it is: slow
                return super().read(size)

        with self.running() as store:
            with pytest.raises(TimedOut):
                store.upload(Slow(1000 * MIB), "slow", timeout=1)
            assert not store.exists("slow")

    # -- tokens, keys and links --------------------------------------------------------------------

    def test_a_token_that_is_forgotten_is_replaced(self):
        with self.running() as store:
            self.use(store)
            with store.client() as client:
                client.token = "AUTH_tkforgotten"
                client.session.auth.auth_ref.auth_token = client.token
            self.use(store)
            store.upload(io.BytesIO(b"x" * 10), "uploaded")
            with store.client() as client:
                assert client.token != "AUTH_tkforgotten"

    def test_what_is_there_may_be_kept(self):
        with self.running() as store:
            store.put("k", b"1", if_absent=True)
            with pytest.raises(RemoteConflict, match="k is there already"):
                store.put("k", b"2", if_absent=True)
            assert store.read("k") == b"1"

    def test_links_work_without_a_login(self):
        self.peer.request("POST", "", headers={"X-Account-Meta-Temp-URL-Key": "k e y"})
        context = ssl.create_default_context(cafile=self.peer.pem)
        with (
            self.running(temp_url_key="k e y") as store,
            httpx2.Client(trust_env=False, verify=context) as anybody,
        ):
            for name in ("k", "a b/ż?+%2F"):
                store.put(name, b"shared")
                assert anybody.get(store.link(name)).content == b"shared"
            assert anybody.get(store.link("k").partition("?")[0]).status_code == 401
            assert anybody.put(store.link("new", method="PUT"), content=b"2").status_code == 201
            assert store.read("new") == b"2"
            with pytest.raises(Misused, match="expires"):
                store.link("k", expires=0)
        with self.running() as store, pytest.raises(Invalid, match="temp_url_key"):
            store.link("k")

    # -- what is wrong -----------------------------------------------------------------------------

    def test_what_is_wrong_is_told(self):
        with self.running(read_limit=1000) as store:
            store.put("k", b"x" * 1001)
            with pytest.raises(ResultTooLarge, match="1000"):
                store.read("k")
            assert len(store.read("k", length=1000)) == 1000
            with pytest.raises(RemoteNotFound, match="there is no nowhere") as caught:
                store.read("nowhere")
            assert "AUTH_test" not in f"{caught.value} {caught.value.reason}"
            with pytest.raises(RemoteNotFound):
                store.put("k", b"", container="not-a-container-here")
            with pytest.raises(Invalid, match="no such range"):
                store.read("k", offset=5000)
            with pytest.raises(Invalid, match="metadata"):
                store.put("k", b"", metadata={"a": "b\r\nc: d"})
            for wrong in ("", "n" * 1025):
                with pytest.raises(Invalid, match="name"):
                    store.put(wrong, b"")
            with pytest.raises(Invalid, match="container"):
                store.put("k", b"", container="a/b")
            assert store.ping()
        with self.running(container="") as store:
            assert store.ping()
            with pytest.raises(Invalid, match="container"):
                store.put("k", b"")
        assert not self.server.objects.losses

    def test_what_a_user_may_not_do_is_refused(self):
        reader = {"username": "test:reader", "password": "reading", "container": ""}
        with self.running(**reader) as store, pytest.raises(HansaError) as caught:
            store.put("k", b"", container=CONTAINER)
        assert isinstance(caught.value, RemoteForbidden)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"password": "wrong-one"}, "check the settings username and password"),
            ({"username": "test:nobody"}, "refuses the credentials of test:nobody"),
            ({"container": "nowhere-at-all"}, "check the setting container"),
            ({"tls_ca": ""}, "set tls_ca to"),
            ({"tls_ca": "/nowhere/ca.pem"}, "check the settings tls_ca"),
            ({"auth_url": "https://127.0.0.1:1/auth/v1.0"}, "check the setting auth_url"),
            ({"auth_url": "http://127.0.0.1:{port}/auth/v1.0"}, "begin it with https://"),
            ({"auth_url": "https://localhost:{port}/auth/v1.0"}, "set auth_url to a name that"),
            ({"auth_url": "https://127.0.0.1:{port}/v3", "project": "p"}, "auth_url and auth_type"),
            ({"storage_url": "https://127.0.0.1:1/v1/AUTH_test"}, "check the setting storage_url"),
            ({"storage_url": "http://127.0.0.1:1/v1/AUTH_test"}, "set storage_url to one that"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, told):
        changes = {name: text.format(port=self.peer.port) for name, text in changes.items()}
        if "project" in changes:
            changes["auth_type"] = "v3password"
        with pytest.raises(Unavailable, match=told) as caught, self.running(**changes):
            pass
        assert "wrong-one" not in str(caught.value) and "AUTH_" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"username": ""}, {"username"}),
        ({"password": None}, {"password"}),
        ({"security": "c"}, {"security", "username", "password"}),
        ({"auth_type": "v3password", "project": "a", "project_id": "b"}, {"project_id"}),
        ({"auth_type": "v3password"}, {"project"}),
        ({"auth_type": "v1password", "project": "a"}, {"project"}),
        ({"metadata": {"a b": "c"}}, {"metadata"}),
        ({"metadata": {"a": "c\n"}}, {"metadata"}),
        ({"auth_url": "ftp://host"}, {"auth_url"}),
        ({"auth_url": "https://user:secret@host"}, {"auth_url"}),
        ({"container": "a/b"}, {"container"}),
        ({"segment_size": 1}, {"segment_size"}),
        ({"retries": 0}, {"retries"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    good = {
        "auth_url": "https://a.example.com",
        "auth_type": "v1password",
        "username": "u",
        "password": "p",
    }
    with pytest.raises(Invalid) as caught:
        load(SwiftSendingSettings, {**good, **settings})
    assert set(caught.value.errors) == faults
