"""Each path has one spelling and leads to one channel: literal bytes against one server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hansa import Invalid, Response
from hansa_http.channel import HttpChannel, HttpSettings


@pytest.fixture(scope="module")
def shared(shared_sites):
    """One server for all tests, whose channels return their name and what they were asked with."""
    site = shared_sites()
    paths: dict[str, dict[str, Any]] = {
        "raw": {"url_path": "/s/raw"},
        "segments": {"url_path": "/rawp/{a}/x/{b}"},
        "files": {"url_path": "/files/{path}", "match_slash": True},
        "encoded": {"url_path": "/a%20b%2Fc"},
        "tolerant": {"url_path": "/tolerant/{id}", "ignore_trailing_slash": True},
        "slash": {"url_path": "/slash/", "ignore_trailing_slash": True},
        "post": {"url_path": "/post", "method": "POST"},
        "traced": {"url_path": "/traced", "method": "GET, TRACE"},
    }
    for name, settings in paths.items():
        site.add(name=name, **settings).dispatch = _shown(name)
    return site


def _shown(name):
    def dispatch(request):
        response = Response(cid=request.cid)
        found = [name, request.path, request.extra["path_params"]]
        response.raw = json.dumps(found).encode()
        return response

    return dispatch


def asked(site, target, method=b"GET"):
    (answer,) = site.raw(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    return answer


@pytest.mark.parametrize(
    ("target", "name", "path", "values"),
    [
        (b"/s/raw", "raw", "/s/raw", {}),
        (b"/s/%72aw?x=/", "raw", "/s/raw", {}),
        (b"http://x/s/raw", "raw", "/s/raw", {}),
        (b"/rawp/a%2Fb/x/1", "segments", "/rawp/a%2Fb/x/1", {"a": "a/b", "b": "1"}),
        (b"/rawp/a%252Fb/x/%2f", "segments", "/rawp/a%2Fb/x/%2F", {"a": "a%2Fb", "b": "/"}),
        (b"/rawp/%C5%BC/x/+%25", "segments", "/rawp/ż/x/+%", {"a": "ż", "b": "+%"}),
        (b"/files/a/b%2Fc//d", "files", "/files/a/b%2Fc//d", {"path": "a/b/c//d"}),
        (b"/a%20b%2fc", "encoded", "/a b%2Fc", {}),
        (b"/tolerant/1", "tolerant", "/tolerant/1", {"id": "1"}),
        (b"/tolerant/1/", "tolerant", "/tolerant/1/", {"id": "1"}),
        (b"/slash", "slash", "/slash", {}),
        (b"/slash/", "slash", "/slash/", {}),
    ],
)
def test_paths_that_lead_to_a_channel(shared, target, name, path, values):
    status, _, body = asked(shared, target)
    assert status == 200
    assert json.loads(body) == [name, path, values]


@pytest.mark.parametrize(
    "target",
    [
        b"//s/raw",
        b"/s//raw",
        b"/s%2fraw",
        b"/s%2Fraw",
        b"%2Fs/raw",
        b"/s/raw/",
        b"/s/raw%2F",
        b"/./s/raw",
        b"/x/../s/raw",
        b"http://x//s/raw",
        b"/S/raw",
        b"/a%20b/c",
        b"/tolerant/1//",
        b"/tolerant//",
        b"//hansa/ping",
        b"/hansa%2Fping",
    ],
)
def test_other_spellings_lead_nowhere(shared, target):
    assert asked(shared, target)[0] == (400 if target.startswith(b"%") else 404)


@pytest.mark.parametrize("target", [b"/s/raw%", b"/s/raw%f", b"/s/%zzraw", b"/s/%ff"])
def test_malformed_encodings_are_refused(shared, target):
    assert asked(shared, target)[0] == 400


def test_trace_is_for_channels_that_list_it(shared):
    status, headers, _ = asked(shared, b"/s/raw", b"TRACE")
    assert status == 405
    assert headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    status, headers, _ = asked(shared, b"/post", b"TRACE")
    assert (status, headers["allow"]) == (405, "OPTIONS, POST")
    assert asked(shared, b"/traced", b"TRACE")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/hansa/ping",
        "/hansa/%70ing",
        "/hansa%2",
        "/any/*",
        "/a/../b",
        "/%2e/hansa/ping",
        "/a%2F..%2Fhansa/ping",
        "//hansa/ping",
        "///a",
        r"/\hansa\ping",
    ],
)
def test_paths_that_could_not_work_are_refused(path):
    with pytest.raises(Invalid) as caught:
        HttpSettings(url_path=path).check()
    assert caught.value.errors.keys() == {"url_path"}


def test_claims_are_of_paths_in_one_spelling():
    def claimed(path, **more):
        return list(HttpChannel.claims(HttpSettings(url_path=path, method="GET", **more)))

    assert claimed("/a%20b") == claimed("/a b") == ["GET /a b"]
    assert claimed("/a%2fb") == ["GET /a%2Fb"]
    assert claimed("/a", ignore_trailing_slash=True) == ["GET /a", "GET /a/"]
    assert claimed("/", ignore_trailing_slash=True) == ["GET /"]
