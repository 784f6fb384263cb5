"""Cross-origin requests of browsers: preflights and answers, against one server."""

from __future__ import annotations

import pytest
from hansa import Invalid, Refused, Response, load
from hansa_http.channel import HttpSettings
from hansa_http.cors import Cors

APP = "https://app.example.com"


@pytest.fixture(scope="module")
def shared(shared_sites):
    """One server for all tests, with channels whose security refuses everybody."""
    site = shared_sites()
    allowed = {
        "named": Cors(origins=[APP], credentials=True, headers=["X-API-Key"], max_age=60),
        "any": Cors(origins=["*"], headers=["*"]),
        "none": Cors(),
    }
    for name, cors in allowed.items():
        site.add(name=name, url_path=f"/{name}", method="POST, PUT", cors=cors).dispatch = _refuse
    return site


def _refuse(request):
    response = Response(cid=request.cid, status=401)
    response.headers["Vary"] = "Cookie"
    response.error = Refused("no")
    return response


def asked(site, method, path, origin=APP, **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if origin:
        headers["Origin"] = origin
    answer = site.ask(method, path, headers=headers)
    found = {
        name.removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.startswith("access-control-")
    }
    return answer, found


PREFLIGHT = {
    "Access_Control_Request_Method": "PUT",
    "Access_Control_Request_Headers": "x-api-key, x-other",
}


def test_a_preflight_is_answered_before_security(shared):
    answer, found = asked(shared, "OPTIONS", "/named", **PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert found == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "allow-methods": "POST, PUT",
        "allow-headers": "X-API-Key",
        "max-age": "60",
    }
    assert answer.headers["vary"] == "Origin"


def test_a_preflight_where_any_origin_may_call(shared):
    _, found = asked(shared, "OPTIONS", "/any", "https://other.example", **PREFLIGHT)
    assert (found["allow-origin"], found["allow-headers"]) == ("*", "x-api-key, x-other")
    assert "allow-credentials" not in found


@pytest.mark.parametrize(
    "origin", ["https://evil.example", APP + ".evil.example", "http://app.example.com", "null"]
)
def test_other_origins_are_not_let_in(shared, origin):
    answer, found = asked(shared, "OPTIONS", "/named", origin, **PREFLIGHT)
    assert (answer.status_code, found) == (204, {})
    answer, found = asked(shared, "POST", "/named", origin)
    assert (answer.status_code, found) == (401, {})
    assert answer.headers["vary"] == "Cookie, Origin"


def test_pages_may_read_answers_also_of_errors(shared):
    answer, found = asked(shared, "POST", "/named")
    assert answer.status_code == 401
    assert found == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "expose-headers": "X-Hansa-CID",
    }
    _, found = asked(shared, "POST", "/any")
    assert found == {"allow-origin": "*", "expose-headers": "X-Hansa-CID"}
    answer, found = asked(shared, "POST", "/named", origin="")
    assert (found, answer.headers["vary"]) == ({}, "Cookie, Origin")


def test_a_method_that_the_channel_does_not_list_is_not_offered(shared):
    _, found = asked(shared, "OPTIONS", "/named", Access_Control_Request_Method="DELETE")
    assert found["allow-methods"] == "POST, PUT"


def test_without_the_setting_nothing_is_said(shared):
    answer, found = asked(shared, "OPTIONS", "/none", **PREFLIGHT)
    assert (answer.status_code, found) == (204, {})
    assert answer.headers["allow"] == "OPTIONS, POST, PUT"
    answer, found = asked(shared, "POST", "/none")
    assert (answer.status_code, found, answer.headers["vary"]) == (401, {}, "Cookie")


def test_the_settings_are_checked_by_name():
    settings = {"origins": ["*", "example.com", APP + "/x"], "credentials": True, "expose": ["a b"]}
    with pytest.raises(Invalid) as caught:
        load(HttpSettings, {"url_path": "/a", "cors": settings})
    assert caught.value.errors.keys() == {
        "cors.origins[1]",
        "cors.origins[2]",
        "cors.credentials",
        "cors.expose[0]",
    }
    assert load(HttpSettings, {"url_path": "/a", "cors": {"origins": [APP]}}).cors.origins == [APP]
