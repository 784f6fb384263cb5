"""S3: objects stored by `outgoing s3` and taken by `channel s3`, against bare boto3, with the same
SeaweedFS over TLS: `python -m bench.s3`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.local.registry import definition_model
from hansa_s3.channel import S3Channel
from hansa_s3.outgoing import S3Outgoing
from hansa_s3.settings import S3SendingSettings

from plugins.s3.tests.seaweed import BUCKET, SeaweedFS

from .measure import Figure, table
from .objects import BODY, Measured, figures


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


def s3(folder: Path) -> Iterator[Figure]:
    """Objects stored in and taken from an object store, against bare boto3."""
    with SeaweedFS() as peer:
        client = bare_client(peer)
        sending = load(S3SendingSettings, {**peer.settings, "timeout": 60})
        watching = {**peer.settings, "service": "nobody", "after": "delete", "interval": 0.05}
        config: Any = load(definition_model(S3Channel), watching)

        def is_empty() -> bool:
            return not client.list_objects_v2(Bucket=BUCKET, MaxKeys=1).get("Contents")

        def take() -> None:
            for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
                client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
                client.delete_object(Bucket=BUCKET, Key=entry["Key"])

        store = Measured(
            title="S3",
            type="s3",
            library="boto3",
            outgoing=S3Outgoing("bench", sending, LocalServer()),
            make_channel=lambda: S3Channel("bench", config, LocalServer()),
            clear=peer.clear,
            is_empty=is_empty,
            put=lambda key: client.put_object(Bucket=BUCKET, Key=key, Body=BODY),
            upload=lambda path: client.upload_file(str(path), BUCKET, "large"),
            take=take,
        )
        yield from figures(store, folder)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(s3(Path(folder)))))


if __name__ == "__main__":
    main()
