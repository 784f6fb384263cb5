"""Errors: what each tells a caller and a broker, and that an unexpected one tells nothing."""

from __future__ import annotations

import pytest
from hansa.foundation import errors
from hansa.foundation.errors import (
    TEXT_LIMIT,
    Conflict,
    HansaError,
    Invalid,
    Misused,
    NotFound,
    Refused,
    ResultTooLarge,
    TooLarge,
    TooMany,
    Unavailable,
    Undefined,
    describe,
    problem,
)
from hypothesis import given, strategies as st

ALL = [
    cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, HansaError)
]


@pytest.mark.parametrize("cls", ALL)
def test_each_error_has_a_status_a_title_and_an_outcome(cls: type[HansaError]):
    assert 400 <= cls.status < 600
    assert cls.title
    assert cls.outcome in ("retry", "reject")
    error = cls("details")
    assert problem(error, "K1")["cid"] == "K1"
    told = "An unexpected error occurred" if error.internal else "details"
    assert str(problem(error, "K1")["detail"]).startswith(told)
    assert str(error) == "details"


def test_each_error_has_a_code_of_its_own_that_never_changes():
    assert {cls.__name__: cls.code for cls in ALL} == {
        "HansaError": "internal-error",
        "Invalid": "invalid",
        "MissingModule": "missing-module",
        "Misused": "misused",
        "Refused": "unauthorized",
        "Forbidden": "forbidden",
        "NotFound": "not-found",
        "Undefined": "undefined",
        "NotAllowed": "method-not-allowed",
        "Conflict": "conflict",
        "TooLarge": "too-large",
        "ResultTooLarge": "result-too-large",
        "TooMany": "too-many-requests",
        "Unavailable": "unavailable",
        "Inactive": "inactive",
        "OtherWriter": "other-writer",
        "TimedOut": "timed-out",
    }
    assert problem(Conflict("taken"), "K")["code"] == "conflict"


def test_what_the_caller_did_wrong_is_rejected_and_the_rest_is_tried_again():
    again = {cls.__name__ for cls in ALL if cls.outcome == "retry"}
    internal = {"Misused", "ResultTooLarge", "Undefined"}
    busy = {"Inactive", "OtherWriter", "TimedOut", "TooMany", "Unavailable"}
    assert again == {"HansaError", *busy, *internal}
    assert {cls.__name__ for cls in ALL if cls.internal} == internal


def test_what_the_server_did_wrong_reveals_nothing_to_the_caller():
    shown = {
        "status": 500,
        "code": "internal-error",
        "title": "Internal error",
        "detail": "An unexpected error occurred; the server's log tells more under this cid",
        "cid": "K",
    }
    for error in (Undefined("no sql bank"), Misused({"a": "not given"}), ResultTooLarge("9 rows")):
        assert problem(error, "K") == shown
    assert isinstance(Undefined(), NotFound) and isinstance(ResultTooLarge(), TooLarge)


def test_invalid_tells_all_faults_by_name():
    error = Invalid({"a": "is bad", "": "no object"})
    assert str(error) == "a: is bad; no object"
    assert problem(error, "K")["errors"] == {"a": "is bad", "": "no object"}
    assert Invalid("no object").errors == {"": "no object"}


def test_headers():
    assert Refused(challenge='Basic realm="x"').headers == {"WWW-Authenticate": 'Basic realm="x"'}
    assert Refused().headers == {"WWW-Authenticate": 'Credentials realm="hansa"'}
    assert (
        TooMany(retry_after=7).headers == Unavailable(retry_after=7).headers == {"Retry-After": "7"}
    )


def test_an_unexpected_error_tells_nothing():
    found = problem(ValueError("password is hush"), "K1")
    assert found["status"] == 500
    assert "hush" not in str(found)
    assert found["cid"] == "K1"


def test_what_a_peer_sent_is_cut_off_in_every_text():
    sent = "x" * 11_000_000
    texts = [HansaError(sent).detail, str(Unavailable(sent)), describe(ValueError(sent))]
    invalid = Invalid({"a": sent, sent: "no field"})
    texts += [invalid.detail, *invalid.errors, *invalid.errors.values()]
    assert max(map(len, texts)) < TEXT_LIMIT + 100
    assert HansaError(sent).detail.endswith("x... (10,998,000 more characters)")


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("outgoing http 'crm': connection refused", "outgoing http 'crm': connection refused"),
        (
            "cannot read https://u:p@crm.internal:8443/a?key=S, and postgresql+psycopg://db/x",
            "cannot read (address) and (address)",
        ),
        (
            "cannot connect to crm-1.internal:8443: refused; the broker at localhost:5672: gone",
            "cannot connect to (address): refused; the broker at (address): gone",
        ),
        (
            "mqweb at 192.0.2.7:9443, 192.0.2.8 and [2001:db8::1]:22",
            "mqweb at (address), (address) and (address)",
        ),
        (
            "not before 12:30:15; line:7: item a:b, 3:45, v1.2.3",
            "not before 12:30:15; line:7: item a:b, 3:45, v1.2.3",
        ),
        ("x" * 1000, "x" * 300 + "... (700 more characters)"),
        (
            "y" * 290 + " https://crm.internal/a?key=S",
            "y" * 290 + " (address) (19 more characters)",
        ),
    ],
)
def test_callers_read_no_address_and_no_long_text_of_another_system(detail: str, shown: str):
    assert problem(Unavailable(detail), "K")["detail"] == shown


def test_what_a_caller_did_wrong_is_told_in_full():
    fault = "callback: https://example.com/ is no address, " + "x" * 400
    assert problem(Invalid(fault), "K")["detail"] == fault


@given(st.text(max_size=400))
def test_whatever_a_text_says_no_url_is_left(text: str):
    shown = str(problem(Unavailable(f"a {text} https://crm.internal/?key=S b"), "K")["detail"])
    assert "crm.internal" not in shown
    assert len(shown) < 340
