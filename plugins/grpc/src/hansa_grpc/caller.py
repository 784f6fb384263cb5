"""A call as gRPC has it becomes a request of Hansa."""

from __future__ import annotations

import base64
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hansa import Request, new_cid

from .call_service import ADMISSION, METHOD
from .codes import CID, is_cid

if TYPE_CHECKING:
    import grpc

    from .interface import Method


def request_of(
    method: Method | None, raw: bytes, context: grpc.ServicerContext, *, certificates: bool
) -> Request:
    """Return a request: metadata as headers, binary ones in Base64, and the client's certificate,
    where clients have `certificates`. Without a method, it asks only whether its caller is let in.
    """
    headers = headers_of(context.invocation_metadata())
    cid = headers.get(CID, "")
    return Request(
        raw,
        headers=headers,
        method="POST",
        path=method.path if method is not None else "",
        peer=peer_of(context.peer()),
        certificates=_certificates(context) if certificates else (),
        cid=cid if is_cid(cid) else new_cid(),
        extra={METHOD: ADMISSION if method is None else method},
    )


def headers_of(metadata: Any) -> dict[str, str]:
    """Return metadata by name; several of a name are one, with commas."""
    headers: dict[str, str] = {}
    for name, value in metadata:
        text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        known = headers.get(name)
        headers[name] = text if known is None else f"{known}, {text}"
    return headers


@lru_cache(1000)
def peer_of(address: str) -> str:
    """Return the IP address of a peer, such as `ipv4:127.0.0.1:4000` and `ipv6:%5B::1%5D:4000`."""
    kind, _, rest = address.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    host, _, _ = unquote(rest).rpartition(":")
    return host.strip("[]")


def _certificates(context: grpc.ServicerContext) -> tuple[bytes, ...]:
    found = context.auth_context().get("x509_pem_cert")
    if not found:
        return ()
    return (ssl.PEM_cert_to_DER_cert(found[0].decode()),)


def cid_of(context: grpc.ServicerContext) -> str:
    """Return the correlation id of a call: the caller's, if it gave a proper one."""
    cid = headers_of(context.invocation_metadata()).get(CID, "")
    return cid if is_cid(cid) else new_cid()
