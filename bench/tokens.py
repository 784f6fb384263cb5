"""JSON Web Tokens: a channel whose callers send one signed with RS256, against the same channel without
security, on one server.

`python -m bench tokens` measures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hansa_devkit.harness.api_server import RunningServer

from tools.project import TOP

from .measure import Figure, compare
from .programs import BODY, HEADERS, Target, wrk

ISSUER = "https://login.example.com"
AUDIENCE = "https://api.example.com"
CONFIG = """
[services]
files = ["{orders}"]

[security.jwt.tokens]
issuer = "{issuer}"
audience = ["{audience}"]
algorithms = ["RS256"]
public_keys = [{key}]

[channel.http.open]
url_path = "/open"
service = "orders.echo"
format = "json"

[channel.http.tokens]
url_path = "/tokens"
service = "orders.echo"
format = "json"
security = "tokens"
"""


def configuration(key: rsa.RSAPrivateKey) -> str:
    """A server with the service of the benchmarks behind both channels."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return CONFIG.format(
        orders=TOP / "bench/orders.py",
        issuer=ISSUER,
        audience=AUDIENCE,
        key=json.dumps(pem.decode()),
    )


def tokens(folder: Path) -> Iterator[Figure]:
    """A token signed with RS256, verified once and then known, against no security."""
    key = rsa.generate_private_key(65537, 2048)
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "bench", "iat": now, "exp": now + 86400}
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "bench"})
    server = RunningServer(folder / "server", configuration(key), workers=1)
    server.start()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    # both sides send the same bytes but for the path
    headers = {**HEADERS, "Authorization": f"Bearer {token}"}
    unsecured = Target(process, server.port, "/open", BODY, headers)
    secured = replace(unsecured, path="/tokens")
    try:
        yield compare(
            "server CPU per request: JWT (RS256, verified once) / no security",
            lambda: wrk(secured, folder).cpu_us,
            lambda: wrk(unsecured, folder).cpu_us,
            bound=1.10,
            note="µs of CPU",
        )
    finally:
        server.stop()
