"""A change is sent a second time only if it cannot have taken effect the first time."""

from __future__ import annotations

import pytest
from cassandra import ConsistencyLevel
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import (
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    ServerError,
    TruncateError,
)
from cassandra.query import SimpleStatement
from hansa_cassandra.retries import Retries

ONE = ConsistencyLevel.ONE
NOT_BEGUN = IsBootstrappingErrorMessage(0x1002, "not yet", None)
MAY_HAVE_BEGUN = (
    OverloadedErrorMessage(0x1001, "too many hints in flight", None),
    ServerError(0x0000, "broken", None),
    TruncateError(0x1003, "late", None),
    ConnectionShutdown("gone"),
)


def decides(error: Exception, *, idempotent: bool) -> int:
    statement = SimpleStatement("UPDATE counts SET n = n + 1", is_idempotent=idempotent)
    return Retries().on_request_error(statement, ONE, error, 0)[0]


def test_what_was_not_begun_is_sent_to_another_node() -> None:
    assert decides(NOT_BEGUN, idempotent=False) == Retries.RETRY_NEXT_HOST


@pytest.mark.parametrize("error", MAY_HAVE_BEGUN, ids=lambda error: type(error).__name__)
def test_what_may_have_begun_is_not_unless_it_may_be_repeated(error: Exception) -> None:
    assert decides(error, idempotent=False) == Retries.RETHROW
    assert decides(error, idempotent=True) == Retries.RETRY_NEXT_HOST


def test_a_change_that_replicas_did_not_confirm_is_not_sent_again() -> None:
    change = SimpleStatement("UPDATE counts SET n = n + 1", is_idempotent=True)
    assert Retries().on_write_timeout(change, ONE, "SIMPLE", 2, 1, 0)[0] == Retries.RETHROW
    assert Retries().on_unavailable(change, ONE, 2, 1, retry_num=0)[0] == Retries.RETRY_NEXT_HOST
    assert Retries().on_unavailable(change, ONE, 2, 1, retry_num=1)[0] == Retries.RETHROW
