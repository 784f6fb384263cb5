"""A sample as the input of a service that is called with it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .sample import Sample


@dataclass(frozen=True, slots=True)
class SampleInput:
    """The input that a sample is, or why it cannot be used as one."""

    value: object = None
    fault: str = ""


def input_of(sample: Sample) -> SampleInput:
    """Return the request of a sample as an input: what its text is in JSON, else the text, with the
    parameters of path and query. What is masked in it is masked in the input, too.
    """
    request = sample.request
    if request.note or request.base64:
        return SampleInput(fault=request.note or "it is no text")
    body = _read(request.text)
    if not sample.parameters:
        return SampleInput(body)
    if body is None:
        return SampleInput(dict(sample.parameters))
    if isinstance(body, dict):
        return SampleInput({**body, **sample.parameters})
    return SampleInput(body)


def _read(text: str) -> object:
    if not text:
        return None
    try:
        read: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return read
