"""From an exchange, as it was, to a sample, as it may be kept."""

from __future__ import annotations

from collections.abc import Mapping

from hansa import new_cid
from hansa_admin.causes import pattern
from hansa_redaction.redaction import Body, Redacted, Redaction
from hansa_redaction.rules import Rules

from .exchange import Exchange
from .sample import Head, Message, Sample

LONGEST_CAUSE = 160
"""Characters of the cause of a failure in the index of samples."""


def sample_of(exchange: Exchange, service: str, worker: str, rules: Rules) -> Sample:
    """Return a sample: everything in it is masked as the rules say."""
    redaction = Redaction(rules)
    headers = redaction.add_headers(exchange.headers)
    answer_headers = redaction.add_headers(exchange.answer_headers)
    parameters = redaction.add_parameters(exchange.parameters)
    request = redaction.add_body(exchange.body)
    answer = redaction.add_body(exchange.answer)
    error = redaction.text(exchange.error)
    head = Head(
        id=new_cid(),
        at=round(exchange.at, 3),
        service=service,
        why=exchange.why,
        ms=round(exchange.ms, 3),
        outcome=exchange.outcome,
        status=exchange.status,
        cid=redaction.text(exchange.cid),
        channel=exchange.channel,
        by=exchange.by,
        definition=exchange.definition,
        address=exchange.address,
        worker=worker,
        request_size=exchange.body.size,
        answer_size=exchange.answer.size,
        cause=pattern(error)[:LONGEST_CAUSE],
    )
    return Sample(
        head=head,
        method=exchange.method,
        path=redaction.path(exchange.path),
        parameters=redaction.fields(parameters),
        request=message(exchange.body, redaction.fields(headers), redaction.body(request)),
        answer=message(exchange.answer, redaction.fields(answer_headers), redaction.body(answer)),
        error=error,
    )


def message(body: Body, headers: Mapping[str, str], redacted: Redacted) -> Message:
    """Return what is kept of a message, and why it is not all of it."""
    note = f"not kept: {redacted.why}" if redacted.why else ""
    if body.is_cut and not note:
        note = f"cut after {len(body.raw)} bytes"
    return Message(
        headers=dict(headers),
        content_type=body.content_type,
        size=body.size,
        text=redacted.text,
        base64=redacted.base64,
        note=note,
    )
