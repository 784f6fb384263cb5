"""`self.cloud` as services of the Zato dialect use it, over hansa-s3, hansa-swift and real object stores."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import NotFound, load
from hansa_s3.outgoing import S3Outgoing
from hansa_s3.settings import S3SendingSettings
from hansa_swift.outgoing import SwiftOutgoing
from hansa_swift.settings import SwiftSendingSettings
from hansa_zato.outgoing.cloud import Cloud

from plugins.s3.tests.seaweed import SeaweedFS
from plugins.swift.tests.swift_server import CONTAINER, Storage, Swift
from plugins.zato.tests.facade import Facade


@pytest.fixture
def store(server: Facade, real_server: Any) -> Any:
    peer = real_server(SeaweedFS)
    made = S3Outgoing("My S3", load(S3SendingSettings, peer.settings), server.as_server)
    made.start()
    server.objects["outgoing", "s3", "My S3"] = made
    yield made
    made.stop()


def test_objects_are_stored_in_s3(server: Facade, store: Any) -> None:
    cloud = Cloud(server.as_server)
    with cloud.aws.s3["My S3"].conn.client() as client:
        client.set("a", "Grüße")
        client.set(
            "b",
            b"2",
            bucket="orders",
            content_type="text/plain",
            metadata={"order": "7"},
            storage_class="REDUCED_REDUNDANCY",
            encrypt_at_rest=True,
        )
        assert client.impl.list_buckets()["Buckets"][0]["Name"] == "orders"
    assert store.read("a").decode() == "Grüße"
    found = store.stat("b")
    assert found.content_type == "text/plain" and found.metadata == {"order": "7"}
    assert found.storage_class == "REDUCED_REDUNDANCY" and found.encryption == "AES256"
    assert cloud.aws.s3["My S3"].conn.exists("a")


def test_what_is_not_there(server: Facade, store: Any) -> None:
    cloud = Cloud(server.as_server)
    assert cloud.aws.s3.get("Nope", None) is None and "My S3" in cloud.aws.s3
    with pytest.raises(AttributeError, match=r"self\.cloud\.dropbox is not available"):
        cloud.dropbox  # noqa: B018 # the look-up itself fails


@pytest.fixture
def openstack(server: Facade, real_server: Any) -> Any:
    with Swift(real_server(Storage)) as peer:
        settings = load(SwiftSendingSettings, peer.settings)
        made = SwiftOutgoing("Invoice Dispatcher", settings, server.as_server)
        made.start()
        server.objects["outgoing", "swift", "Invoice Dispatcher"] = made
        yield made
        made.stop()


def test_objects_are_stored_in_swift(server: Facade, openstack: Any) -> None:
    conn = Cloud(server.as_server).openstack.swift["Invoice Dispatcher"].conn
    with conn.client() as client:
        client.put_object(CONTAINER, "text", "Grüße")
        client.put_object(CONTAINER, "bytes", b"2", headers={"X-Object-Meta-Order": "7"})
        headers, content = client.get_object(CONTAINER, "bytes")
        assert headers["x-object-meta-order"] == "7" and content == b"2"
    assert openstack.read("text").decode() == "Grüße"
    with pytest.raises(NotFound), conn.client() as client:
        client.get_object(CONTAINER, "nowhere")
    assert conn.exists("bytes")
