"""What the authority answers to other hosts: its certificate to anybody of their network, admission
to who has a token, renewal and leave to members that prove themselves.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final, TypeAlias

import falcon
from hansa_authority.authority import certificate_file
from hansa_quickstart.failure import Failure

from .admission import Admission
from .members import Member

log = logging.getLogger("hansa.authority")

AUTHORITY_PATH: Final = "/authority"
MEMBERS_PATH: Final = "/members"
LARGEST: Final = 64 * 1024
"""Bytes of the largest request that is read."""
_BEARER: Final = "Bearer "

Request: TypeAlias = falcon.Request
Response: TypeAlias = falcon.Response


class _OwnNetwork:
    """Refuses whoever is not of the network of the cluster's hosts."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def process_request(self, request: Request, response: Response) -> None:
        """Look at the address that the request comes from."""
        response.set_header("Cache-Control", "no-store")
        if not self._admission.cluster.admits(request.remote_addr):
            log.warning("refused %s, which is not of the network of hosts", request.remote_addr)
            raise falcon.HTTPForbidden(description="your address is not of the hosts' network")


class _Authority:
    """The certificate of the authority, which who joins compares with the fingerprint of his token."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def on_get(self, request: Request, response: Response) -> None:
        """Return it, in PEM."""
        response.content_type = "application/x-pem-file"
        response.data = certificate_file(self._admission.authority).read_bytes()


class _Members:
    """The components of the cluster; a POST admits another one."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def on_post(self, request: Request, response: Response) -> None:
        """Admit who has a token."""
        asked = _content(request, "token", "request", "address")
        answer = self._admission.admit_bearer(
            asked["token"], asked["request"].encode(), asked["address"], request.remote_addr
        )
        log.info("%s at %s has joined", answer["name"], asked["address"])
        response.data = json.dumps(answer).encode()


class _Member:
    """One component, which proves itself by the secret that it got when it joined."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def on_put(self, request: Request, response: Response, name: str) -> None:
        """Sign a new certificate."""
        member = self._proven(request, name)
        asked = _content(request, "request")
        response.data = json.dumps(
            self._admission.renew(member, asked["request"].encode())
        ).encode()
        log.info("%s has a new certificate", name)

    def on_delete(self, request: Request, response: Response, name: str) -> None:
        """Forget it."""
        self._admission.members.remove(self._proven(request, name).name)
        response.status = falcon.HTTP_204
        log.info("%s has left", name)

    def _proven(self, request: Request, name: str) -> Member:
        given = request.auth or ""
        secret = given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""
        member = self._admission.members.proven(name, secret)
        if member is None:
            raise falcon.HTTPUnauthorized(description="this is not the secret of that component")
        return member


def build(folder: Path) -> falcon.App[Any, Any]:
    """Return the application of the authority in `ca/` of a folder."""
    admission = Admission(folder)
    app = falcon.App(middleware=[_OwnNetwork(admission)])
    app.add_route(AUTHORITY_PATH, _Authority(admission))
    app.add_route(MEMBERS_PATH, _Members(admission))
    app.add_route(f"{MEMBERS_PATH}/{{name}}", _Member(admission))
    app.add_error_handler(Exception, _broken)
    app.add_error_handler(falcon.HTTPError, _refused)
    app.add_error_handler(Failure, _failed)
    return app


def _content(request: Request, *names: str) -> dict[str, str]:
    """Return the members of a JSON object, all of which must be text."""
    raw = request.bounded_stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise falcon.HTTPContentTooLarge(description=f"more than {LARGEST} bytes")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise falcon.HTTPBadRequest(description="the request is not JSON") from None
    found = content if isinstance(content, dict) else {}
    missing = [name for name in names if not isinstance(found.get(name), str)]
    if missing:
        raise falcon.HTTPBadRequest(description=f"{', '.join(missing)}: must be text")
    return {name: found[name] for name in names}


def _failed(request: Request, response: Response, error: Failure, params: dict[str, Any]) -> None:
    log.warning("refused %s: %s", request.remote_addr, error.message)
    _say(response, falcon.HTTP_403, error.message)


def _refused(
    request: Request, response: Response, error: falcon.HTTPError, params: dict[str, Any]
) -> None:
    _say(response, error.status, str(error.description or error.title))


def _broken(request: Request, response: Response, error: Exception, params: dict[str, Any]) -> None:
    log.error("%s could not be answered", request.path, exc_info=error)
    _say(response, falcon.HTTP_500, "the authority cannot answer: its log says why")


def _say(response: Response, status: Any, why: str) -> None:
    response.status = status
    response.content_type = "application/problem+json"
    response.data = json.dumps({"title": "refused", "detail": why}).encode()
