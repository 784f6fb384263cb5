"""S3: objects stored by `outgoing s3` and taken by `channel s3`, against bare boto3, with the same
SeaweedFS over TLS.

Both are measured without a server of Hansa around them, in one process: `python -m bench.s3`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from hansa import load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.local.registry import definition_model
from hansa_s3.channel import S3Channel
from hansa_s3.outgoing import S3Outgoing
from hansa_s3.settings import S3SendingSettings

from plugins.s3.tests.seaweed import BUCKET, SeaweedFS

from .measure import Figure, compare, table

SMALL = 100
"""Objects of 1 KB in one run."""
LARGE = 64 * 1024 * 1024
"""Bytes of a large object."""


def bare_client(peer: SeaweedFS) -> Any:
    """A client of boto3 by itself, over TLS and without its own checksums, as that of Hansa."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=peer.address,
        region_name="us-east-1",
        aws_access_key_id=peer.key,
        aws_secret_access_key=peer.password,
        verify=str(peer.pem),
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def per_second(count: int, began: float) -> float:
    """How many there were each second."""
    return count / (time.perf_counter() - began)


def s3(folder: Path) -> Iterator[Figure]:
    """Objects stored in and taken from an object store, against bare boto3."""
    folder.mkdir(parents=True, exist_ok=True)
    local = folder / "large"
    local.write_bytes(bytes(LARGE))
    with SeaweedFS() as peer:
        client = bare_client(peer)
        config = load(S3SendingSettings, {**peer.settings, "timeout": 60})
        outgoing = S3Outgoing("bench", config, LocalServer())
        outgoing.start()
        body = b"x" * 1024

        def store(put: Any) -> float:
            began = time.perf_counter()
            for number in range(SMALL):
                put(f"small/{number}")
            return per_second(SMALL, began)

        def upload(send: Any) -> float:
            began = time.perf_counter()
            send()
            return per_second(LARGE, began) / 1e6

        yield compare(
            "S3: storing 100 objects of 1 KB, `put` / bare boto3",
            partial(store, lambda key: outgoing.put(key, body)),
            partial(store, lambda key: client.put_object(Bucket=BUCKET, Key=key, Body=body)),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="objects/s",
        )
        yield compare(
            "S3: a file of 64 MB in parts, `upload` / bare boto3",
            partial(upload, lambda: outgoing.upload(local, "large")),
            partial(upload, lambda: client.upload_file(str(local), BUCKET, "large")),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="MB/s",
        )
        outgoing.stop()
        yield compare(
            "S3: taking 100 objects of 1 KB and deleting them, `channel s3` / bare boto3",
            partial(take, peer, client),
            partial(bare_take, peer, client),
            pairs=7,
            bound=0.8,
            at_least=True,
            note="objects/s",
        )


def fill(peer: SeaweedFS, client: Any) -> None:
    """Store what is to be taken, and nothing else."""
    peer.clear()
    for number in range(SMALL):
        client.put_object(Bucket=BUCKET, Key=f"in/{number}", Body=b"x" * 1024)


def take(peer: SeaweedFS, client: Any) -> float:
    """Objects per second that a channel takes, from its start until the bucket is empty."""
    fill(peer, client)
    settings = {**peer.settings, "service": "nobody", "after": "delete", "interval": 0.05}
    config: Any = load(definition_model(S3Channel), settings)
    channel = S3Channel("bench", config, LocalServer())
    channel.dispatch = Inbox()
    began = time.perf_counter()
    channel.start()
    while client.list_objects_v2(Bucket=BUCKET, MaxKeys=1).get("Contents"):
        time.sleep(0.01)
    found = per_second(SMALL, began)
    channel.stop()
    return found


def bare_take(peer: SeaweedFS, client: Any) -> float:
    """The same by a loop: list, get, delete."""
    fill(peer, client)
    began = time.perf_counter()
    for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    return per_second(SMALL, began)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(s3(Path(folder)))))


if __name__ == "__main__":
    main()
