"""Calls to a real object store, SeaweedFS, which checks signatures, beside a client of botocore."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from botocore.config import Config
from hansa import load
from hansa_aws.security import Aws
from hansa_aws.settings import AwsSettings
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing

KEY = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
BODY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("store")
    ports = [free_port() for _ in range(4)]
    options = ["s3.port", "master.port", "volume.port", "filer.port"]
    command = [
        str(Path(sys.executable).with_name("weed")),
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
    ]
    command += [f"-{option}={port}" for option, port in zip(options, ports, strict=True)]
    command += ["-admin.ui=false", "-webdav=false"]
    environ = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": KEY["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEY["secret_access_key"],
    }
    address = f"http://127.0.0.1:{ports[0]}"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=folder)
    try:
        wait_until(lambda: answers(address), 30)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def answers(address: str) -> bool:
    try:
        return httpx2.get(address, trust_env=False, timeout=2).status_code in (200, 403)
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
def client(store: str) -> Any:
    """A client of botocore, by which a bucket is made."""
    session = botocore.session.Session()
    session.set_credentials(KEY["access_key_id"], KEY["secret_access_key"])
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 5})
    client = session.create_client("s3", region_name="us-east-1", endpoint_url=store, config=config)
    client.create_bucket(Bucket="archive")
    return client


def connect(store: str, path: str = "/archive/{key}", **settings: Any) -> HttpOutgoing:
    given = {**KEY, "region": "us-east-1", "service": "s3", **settings}
    aws = Aws("archive", load(AwsSettings, given), LocalServer())
    server = LocalServer(security={"archive": aws})
    address = {"address": store, "url_path": path, "security": "archive"}
    outgoing = HttpOutgoing("archive", load(HttpAddress, address), server)
    outgoing.start()
    return outgoing


@pytest.mark.parametrize("key", ["plain", "a b/ż (1)+~%2F.txt", "*!'$&@=,;:"])
def test_objects_are_stored_and_read(store: str, client: Any, key: str) -> None:
    outgoing = connect(store)
    content = b"\x00content " * 1000
    assert outgoing.put(content, {"key": key}, headers=BODY).status == 200
    assert client.get_object(Bucket="archive", Key=key)["Body"].read() == content
    assert outgoing.get({"key": key}).content == content
    outgoing.stop()


def test_queries_are_signed(store: str, client: Any) -> None:
    prefix = "list/one &+*ż"
    for name in (prefix, "list/other"):
        client.put_object(Bucket="archive", Key=name, Body=b"")
    outgoing = connect(store, "/archive")
    answer = outgoing.get({"list-type": 2, "prefix": prefix, "start-after": ""})
    assert (answer.status, answer.text.count("<Key>")) == (200, 1)
    outgoing.stop()


def test_a_wrong_key_is_refused(store: str, client: Any) -> None:
    for wrong in ({"secret_access_key": "wrong"}, {"access_key_id": "nobody"}):
        outgoing = connect(store, **wrong)
        assert outgoing.put(b"x", {"key": "refused"}, headers=BODY).status == 403
        outgoing.stop()
