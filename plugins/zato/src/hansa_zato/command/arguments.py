"""The words of `zato service invoke`."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the parser of its arguments."""
    made = argparse.ArgumentParser(
        "zato service invoke", description="Call a service and print its answer."
    )
    made.add_argument("path", type=Path, help="folder of a running server")
    made.add_argument("name", help="name of the service")
    made.add_argument(
        "--payload", default="", help="payload of the call; - reads it from standard input"
    )
    made.add_argument("--headers", default="", help="further HTTP headers, a=b;c=d")
    made.add_argument(
        "--channel", default="invoke", help="accepted and ignored: the channel is invoke"
    )
    made.add_argument(
        "--data-format",
        "--data_format",
        default="json",
        help="format of the payload: json (default), xml",
    )
    made.add_argument("--transport", help="soap, if the payload is a SOAP message")
    made.add_argument(
        "--url-path",
        "--url_path",
        default="/zato/admin/invoke",
        help="path at which the server accepts invocations",
    )
    made.add_argument("--max-cid-repr", type=int, default=5, help=argparse.SUPPRESS)
    made.add_argument(
        "--max-response-repr", type=int, default=2500, help="maximum length of an error shown"
    )
    made.add_argument(
        "--async",
        dest="is_async",
        action="store_true",
        help="do not wait; print the correlation id",
    )
    made.add_argument(
        "--expiration", type=int, help="accepted and ignored: an accepted call is carried out"
    )
    made.add_argument(
        "--verbose", action="store_true", help="also print the correlation id, to standard error"
    )
    return made
