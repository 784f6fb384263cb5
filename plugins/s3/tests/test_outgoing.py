"""The outgoing connection holds the contract on SeaweedFS, and does what object stores are used for."""

from __future__ import annotations

import io
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psutil
import pytest
from hansa import HansaError, Invalid, Misused, ResultTooLarge, TimedOut, Unavailable, load
from hansa_aws.security import Aws
from hansa_aws.settings import AwsSettings
from hansa_connect.remote import RemoteConflict, RemoteNotFound
from hansa_devkit import LocalServer, OutgoingContract
from hansa_s3.outgoing import S3Outgoing
from hansa_s3.settings import S3SendingSettings

from plugins.connect.tests.object_contract import Endless
from plugins.connect.tests.on_peer import OnPeer
from plugins.s3.tests.seaweed import BUCKET, SeaweedFS

MIB = 1024 * 1024
KEYS = ("plain", "a b/ż (1)+~%2F.txt", "*!'$&@=,;:", "größe/мир.csv")


@pytest.mark.evidence("tls", "real_server")
class TestSeaweedFS(OnPeer, OutgoingContract):
    cls, make_peer = S3Outgoing, SeaweedFS
    refusal = "refuses the credentials of AKIDEXAMPLE"

    def settings(self):
        return {**super().settings(), "timeout": 5}

    def peer_refuses(self):
        return self.other_password("another-one")

    def use(self, outgoing):
        key = secrets.token_hex(4)
        outgoing.put(key, b"content")
        assert outgoing.read(key) == b"content"

    @pytest.mark.parametrize("key", KEYS)
    def test_the_tour(self, key):
        with self.running(metadata={"origin": "tests"}) as store:
            stored = store.put(key, "Grüße", content_type="text/plain", metadata={"order": "7"})
            assert stored.size == 7 and stored.etag
            found = store.stat(key)
            assert (found.size, found.etag, found.content_type) == (7, stored.etag, "text/plain")
            assert found.metadata == {"origin": "tests", "order": "7"}
            assert store.exists(key) and not store.exists(f"{key}-not")
            assert store.read(key).decode() == "Grüße"
            assert store.read(key, offset=2, length=3) == "Grüße".encode()[2:5]
            assert store.read(key, offset=5) == "Grüße".encode()[5:]
            store.copy(key, f"copy/{key}")
            assert store.stat(f"copy/{key}").metadata == found.metadata
            assert [one.key for one in store.list("copy/")] == [f"copy/{key}"]
            assert "copy/" in list(store.folders())
            assert store.delete_many([key, f"copy/{key}"]) == {}
            assert list(store.list()) == []
            store.delete(key)

    def test_buckets(self):
        name = f"b-{secrets.token_hex(4)}"
        with self.running() as store:
            store.make_bucket(name)
            assert {name, BUCKET} <= set(store.buckets())
            store.put("k", b"1", bucket=name)
            assert store.read("k", bucket=name) == b"1" and not store.exists("k")
            with pytest.raises(RemoteConflict):
                store.make_bucket(name)
            store.delete("k", bucket=name)
            store.delete_bucket(name)
            assert name not in store.buckets()

    def test_listings_come_in_pages(self):
        with self.running() as store:
            with ThreadPoolExecutor(8) as several:
                list(several.map(lambda n: store.put(f"many/{n:04}", b""), range(1005)))
            found = [one.key for one in store.list("many/")]
            assert found == [f"many/{number:04}" for number in range(1005)]
            assert len(list(store.list("many/", start_after="many/0999"))) == 5
            assert store.delete_many(found) == {}

    # -- large ones --------------------------------------------------------------------------------

    def test_a_stream_of_any_size_needs_some_parts_of_memory(self):
        size = 192 * MIB + 1
        with self.running(part_size=5 * MIB, parallel_parts=2, timeout=30) as store:
            store.upload(io.BytesIO(b"x" * 6 * MIB), "warm")
            before = psutil.Process().memory_info().rss
            sent = store.upload(Endless(size), "large")
            assert sent.size == size and sent.etag.endswith("-39")
            with store.open("large") as stream:
                received = peak = 0
                while block := stream.read():
                    received += len(block)
                    peak = max(peak, psutil.Process().memory_info().rss)
            assert received == size
            assert peak - before < 80 * MIB, (peak - before) // MIB

    def test_files_arrive_whole(self, tmp_path):
        source, target = tmp_path / "source", tmp_path / "target"
        content = os.urandom(11 * MIB)
        source.write_bytes(content)
        with self.running(part_size=5 * MIB) as store:
            store.upload(source, "file", metadata={"a": "b"})
            assert store.download("file", target) == len(content)
            assert target.read_bytes() == content
            assert store.stat("file").metadata == {"a": "b"}
            into = io.BytesIO()
            store.download("file", into)
            assert into.getvalue() == content
            with pytest.raises(RemoteNotFound):
                store.download("nowhere", tmp_path / "other")
        assert sorted(os.listdir(tmp_path)) == ["source", "target"]

    def test_of_an_upload_that_fails_nothing_is_left(self):
        class Breaking(Endless):
            def read(self, size=-1):
                if self.left < 4 * MIB:
                    raise ValueError("the source broke")
                return super().read(size)

        with self.running(part_size=5 * MIB) as store:
            with pytest.raises(ValueError, match="the source broke"):
                store.upload(Breaking(20 * MIB), "broken")
            assert not store.exists("broken")
        assert not self.peer.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads")

    def test_an_upload_ends_at_its_deadline(self):
        class Slow(Endless):
            def read(self, size=-1):
                time.sleep(0.2)  # this is what it is: slow
                return super().read(size)

        with self.running(part_size=5 * MIB) as store:
            with pytest.raises(TimedOut):
                store.upload(Slow(1000 * MIB), "slow", timeout=0.5)
            assert not store.exists("slow")

    # -- options -----------------------------------------------------------------------------------

    def test_storage_class_and_encryption_are_asked_for(self):
        with self.running(storage_class="STANDARD_IA", encryption="AES256") as store:
            store.put("k", b"content")
            found = store.stat("k")
            assert (found.storage_class, found.encryption) == ("STANDARD_IA", "AES256")
            store.upload(io.BytesIO(b"x" * 9 * MIB), "l")
            assert store.stat("l").encryption == "AES256"
            assert store.read("k") == b"content"

    def test_what_is_there_may_be_kept(self):
        with self.running() as store:
            store.put("k", b"1", if_absent=True)
            with pytest.raises(RemoteConflict, match="k is there already"):
                store.put("k", b"2", if_absent=True)
            assert store.read("k") == b"1"

    def test_links_work_without_a_key(self):
        with self.running() as store, httpx2.Client(trust_env=False, verify=False) as anybody:
            store.put("k", b"shared")
            assert anybody.get(store.link("k")).content == b"shared"
            assert anybody.get(store.link("k").partition("?")[0]).status_code == 403
            assert anybody.put(store.link("new", method="PUT"), content=b"2").status_code == 200
            assert store.read("new") == b"2"
            with pytest.raises(Misused, match="expires"):
                store.link("k", expires=8 * 86400)

    # -- what is wrong -----------------------------------------------------------------------------

    def test_what_is_wrong_is_told(self):
        with self.running(read_limit=1000) as store:
            store.put("k", b"x" * 1001)
            with pytest.raises(ResultTooLarge, match="1000"):
                store.read("k")
            assert len(store.read("k", length=1000)) == 1000
            with pytest.raises(RemoteNotFound, match="there is no nowhere"):
                store.read("nowhere")
            with pytest.raises(RemoteNotFound, match="no such bucket"):
                store.put("k", b"", bucket="not-a-bucket-here")
            with pytest.raises(Invalid, match="no such range"):
                store.read("k", offset=5000)
            with pytest.raises(Invalid, match="metadata"):
                store.put("k", b"", metadata={"a": "b\r\nc: d"})
            with pytest.raises(Invalid):
                store.put("", b"")
            assert store.ping()
        with self.running(bucket="") as store, pytest.raises(Invalid, match="bucket"):
            store.put("k", b"")
        assert not self.server.objects.losses

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"secret_access_key": "wrong-one"}, "check the settings access_key_id and secret"),
            ({"access_key_id": "nobody"}, "refuses the credentials of nobody"),
            ({"bucket": "nowhere-at-all"}, "check the setting bucket"),
            ({"tls_ca": ""}, "set tls_ca to"),
            ({"address": "https://127.0.0.1:1"}, "check the setting address"),
            ({"address": "{plain}"}, "begin it with http://"),
            ({"address": "{insecure}"}, "begin it with https://"),
            ({"address": "{other}"}, "set address to a name that is in it"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, told):
        ports = self.peer.ports
        if "address" in changes:
            address = changes["address"].format(
                plain=f"https://127.0.0.1:{ports['s3']}",
                insecure=f"http://127.0.0.1:{ports['https']}",
                other=f"https://localhost:{ports['https']}",
            )
            changes = {"address": address}
        with pytest.raises(Unavailable, match=told) as caught, self.running(**changes):
            pass
        assert "wrong-one" not in str(caught.value) and "list-type" not in str(caught.value)

    def test_the_key_may_come_from_a_security_definition(self):
        key = {"access_key_id": self.peer.key, "secret_access_key": self.peer.password}
        given = {**key, "region": "us-east-1", "service": "s3"}
        aws = Aws("key", load(AwsSettings, given), LocalServer())
        settings = {**self.settings(), "security": "key"}
        for name in key:
            del settings[name]
        server = LocalServer(security={"key": aws})
        store = S3Outgoing("N", load(S3SendingSettings, settings), server)
        assert list(S3Outgoing.logins(store.config)) == ["key"]
        store.start()
        self.use(store)
        store.stop()

    def test_without_a_key_nothing_is_signed(self):
        settings = {"access_key_id": "", "secret_access_key": None}
        with self.running(**settings) as store, pytest.raises(HansaError, match="refused"):
            store.put("k", b"")


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"access_key_id": "A"}, {"secret_access_key"}),
        ({"secret_access_key": "A"}, {"access_key_id"}),
        ({"session_token": "A"}, {"session_token"}),
        ({"access_key_id": "A", "secret_access_key": "B", "security": "c"}, {"security"}),
        ({"metadata": {"a b": "c"}}, {"metadata"}),
        ({"metadata": {"a": "ü"}}, {"metadata"}),
        ({"kms_key": "k"}, {"kms_key"}),
        ({"address": "https://user:secret@host"}, {"address"}),
        ({"part_size": 1}, {"part_size"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(S3SendingSettings, settings)
    assert set(caught.value.errors) == faults
