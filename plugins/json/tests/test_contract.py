"""The format json keeps the contract of formats."""

from __future__ import annotations

from hansa_devkit.format_contract import FormatContract
from hansa_json.format import JsonFormat


class TestJson(FormatContract):
    """Everything that JSON can say."""

    cls = JsonFormat
    hostile = (
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b'"\\ud800"',
        b'"\xff"',
        b"[" * 101 + b"]" * 101,
        b"[" * 100_000,
        b"{}{}",
        b"[1,]",
    )
