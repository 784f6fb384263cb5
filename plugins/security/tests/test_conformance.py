"""All types hold the contract of security types, in each form that a password or key is stored in."""

from __future__ import annotations

import base64

from hansa_devkit import SecurityContract
from hansa_security.apikey import ApiKey
from hansa_security.basic import Basic
from hansa_security.bearer import Bearer

KEY = "0f8c1d2e3b4a59687766554433221100ffeeddccbbaa99887766554433221100"


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class TestBasic(SecurityContract):
    cls = Basic
    good = {"username": "alice", "password": "correct horse é"}
    right = basic("alice", "correct horse é")
    wrong = [
        basic("alice", "Correct horse é"),
        basic("bob", "correct horse é"),
        basic("alice", ""),
        basic("", "correct horse é"),
    ]
    signing = {"signs": True}


class TestBasicThatSigns(TestBasic):
    good = {**TestBasic.good, "signs": True}


class TestApiKey(SecurityContract):
    cls = ApiKey
    good = {"key": KEY}
    right = {"x-api-key": KEY}
    wrong = [{"x-api-key": KEY.upper()}, {"x-api-key": "secret"}, {"authorization": KEY}]
    signing = {"signs": True}


class TestGuessableApiKey(TestApiKey):
    """A key that is stored as a password is."""

    good = {"key": "opensesame", "header": "X-Partner"}
    right = {"x-partner": "opensesame"}
    wrong = [{"x-partner": "Opensesame"}, {"x-partner": "secret"}, {"x-api-key": "opensesame"}]


class TestBearer(SecurityContract):
    cls = Bearer
    good = {"tokens": ["other-0f8c1d2e3b4a5968776655443322110", KEY]}
    right = {"authorization": f"Bearer {KEY}"}
    wrong = [
        {"authorization": f"Bearer {KEY.upper()}"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": KEY},
    ]
    signing = {"signs": True}
