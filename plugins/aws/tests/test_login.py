"""A key is supplied to connections that sign by themselves."""

from __future__ import annotations

from hansa import load
from hansa_aws.security import Aws
from hansa_aws.settings import AwsSettings
from hansa_devkit import LocalServer

KEY = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "secret-key",
    "region": "us-east-1",
    "service": "s3",
}


def test_the_key_is_supplied_as_a_login() -> None:
    login = Aws("key", load(AwsSettings, KEY), LocalServer()).login()
    assert login.username == "AKIDEXAMPLE" and str(login.password) == "secret-key"
    assert login.token is None and login.means == "password"


def test_a_session_token_comes_along() -> None:
    settings = load(AwsSettings, {**KEY, "session_token": "temporary"})
    login = Aws("key", settings, LocalServer()).login()
    assert str(login.token) == "temporary" and str(login.password) == "secret-key"
