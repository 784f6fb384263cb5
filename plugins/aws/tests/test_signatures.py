"""Signatures as AWS has published them, and as botocore makes them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore import auth
from hansa import Invalid, Misused, OutgoingRequest, Secret, load
from hansa_aws.canonical import canonical_url
from hansa_aws.plugin import hansa_startup
from hansa_aws.security import Aws
from hansa_aws.settings import AwsSettings
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hypothesis import given, strategies as st

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY_OF_S3 = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SUITE = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": KEY,
    "region": "us-east-1",
    "service": "service",
}
S3 = {
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": KEY_OF_S3,
    "region": "us-east-1",
    "service": "s3",
}
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeo"
    "IYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5V"
    "SXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj"
    "c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class TestAws(Contract):
    """The type holds the contract of configured types."""

    cls = Aws
    good = {**SUITE, "session_token": TOKEN}


def make(**settings: Any) -> Aws:
    return Aws("partner", load(AwsSettings, {**SUITE, **settings}), LocalServer())


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the time of signatures."""

    def set_time(text: str) -> None:
        moment = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ")
        monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: moment)

    return set_time


def signed(
    aws: Aws, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> dict[str, str]:
    request = OutgoingRequest(method=method, url=url, headers=dict(headers or {}), body=body)
    aws.sign_request(request)
    assert (request.method, request.url, request.body, request.query) == (method, url, body, {})
    return request.headers


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "names", "signature"),
    [
        (
            "GET",
            "/",
            b"",
            {},
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            b"",
            {},
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/example/..",
            b"",
            {},
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            b"",
            {},
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "POST",
            "/",
            b"Param1=value1",
            FORM,
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_vectors_of_aws(
    at: Any,
    method: str,
    target: str,
    body: bytes,
    headers: dict[str, str],
    names: str,
    signature: str,
) -> None:
    at("20150830T123600Z")
    made = signed(make(), method, f"https://example.amazonaws.com{target}", body, headers)
    assert made == {
        **headers,
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            f"SignedHeaders={names}, Signature={signature}"
        ),
    }


def test_the_vector_with_a_session_token(at: Any) -> None:
    at("20150830T123600Z")
    made = signed(make(session_token=TOKEN), "POST", "https://example.amazonaws.com/")
    assert made["X-Amz-Security-Token"] == TOKEN
    signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    assert made["Authorization"].endswith(
        f"SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={signature}"
    )


@pytest.mark.parametrize(
    ("target", "headers", "signature"),
    [
        (
            "/test.txt",
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("/?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "/?prefix=J&max-keys=2",
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_s3(at: Any, target: str, headers: dict[str, str], signature: str) -> None:
    at("20130524T000000Z")
    url = f"https://examplebucket.s3.amazonaws.com{target}"
    made = signed(make(**S3), "GET", url, headers=headers)
    assert made["Authorization"].endswith(f"Signature={signature}")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert made["X-Amz-Content-SHA256"] == empty


def test_what_was_signed_before_is_replaced(at: Any) -> None:
    at("20150830T123600Z")
    stale = {"authorization": "x", "x-amz-date": "x", "X-AMZ-CONTENT-SHA256": "x", "X-Own": "1"}
    made = signed(make(service="aoss"), "GET", "https://example.amazonaws.com/", headers=stale)
    assert len(made) == len({name.lower() for name in made}) == 4
    assert "x-amz-content-sha256;x-amz-date;x-own" in made["Authorization"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", "http://h/"),
        ("http://h:8333/a b/ż?q=ż", "http://h:8333/a%20b/%C5%BC?q=%C5%BC"),
        ("http://h/(a)+%2F%7e", "http://h/%28a%29%2B/~"),
        ("http://h/?b=1+2&a&c=%2f*", "http://h/?b=1%202&a=&c=%2F%2A"),
        ("http://h/?a=%ff%C5%BC", "http://h/?a=%FF%C5%BC"),
    ],
)
def test_paths_and_queries_of_s3_are_written_in_one_way(url: str, expected: str) -> None:
    assert canonical_url(url, encoded_once=True) == expected


def test_other_services_encode_the_path_that_was_sent() -> None:
    assert canonical_url("http://h/(a)/%2F b", encoded_once=False) == "http://h/(a)/%2F%20b"


@given(st.text(max_size=30), st.booleans())
def test_any_url_can_be_written(text: str, once: bool) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    made = canonical_url(f"http://h/{text.replace('#', '')}", encoded_once=once)
    assert made.isascii()


def test_settings_that_cannot_work() -> None:
    with pytest.raises(Invalid) as caught:
        make(
            access_key_id="a b",
            secret_access_key="a b",
            session_token="x" * 8193,
            region="eu west",
            service="S3",
        )
    assert {"access_key_id", "region", "service"} <= set(caught.value.errors)
    with pytest.raises(Invalid) as caught:
        make(secret_access_key="a b", session_token="é", region="eu-west-1\n")
    assert set(caught.value.errors) == {"secret_access_key", "session_token", "region"}
    with pytest.raises(Misused, match="whole requests"):
        make().sign({})


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    hansa_startup(LocalServer())
    aws = make(session_token=TOKEN)
    signed(aws, "GET", "https://example.amazonaws.com/")
    assert isinstance(aws.config.secret_access_key, Secret)
    assert TOKEN not in caplog.text and KEY not in caplog.text
    assert KEY not in repr(aws._signer.credentials)
