"""What went wrong with a call of a gRPC server, as errors of Hansa."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hansa import HansaError, TimedOut, Unavailable

from .codes import CID, CODE

if TYPE_CHECKING:
    import grpc


class CallFailed(HansaError):
    """A gRPC server has answered a call with an error.

    `grpc_code` is its status code, such as `NOT_FOUND`, and `reason` its text, which callers do not
    see; `metadata` is what came with it. `remote_code` and `remote_cid` are the code and the
    correlation id of a server that is Hansa.
    """

    code = "call-failed"
    status = 502
    title = "The other side refused the call"

    def __init__(self, detail: str, grpc_code: str, metadata: dict[str, Any]) -> None:
        super().__init__(detail)
        self.grpc_code = grpc_code
        self.metadata = metadata
        self.remote_code = str(metadata.get(CODE, ""))
        self.remote_cid = str(metadata.get(CID, ""))


def failure_of(error: grpc.RpcError, what: str, method: str) -> HansaError:
    """Return the error of a call that failed: `Unavailable` without a connection, `TimedOut` after
    the deadline, else `CallFailed`.
    """
    name = error.code().name
    text = error.details() or ""
    found: HansaError
    if name == "UNAVAILABLE":
        found = Unavailable(f"{what}: {method}: the server cannot be reached, or does not serve")
    elif name == "DEADLINE_EXCEEDED":
        found = TimedOut(
            f"{what}: {method}: no answer before the deadline, see the setting timeout"
        )
    else:
        metadata = dict(error.trailing_metadata() or ())
        found = CallFailed(f"{what}: {method} has ended with {name}", name, metadata)
    found.reason = text
    return found
