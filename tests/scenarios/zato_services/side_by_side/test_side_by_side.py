"""Twenty services with the same requests on Hansa, always, and on a Zato 3.2 where HANSA_TEST_ZATO
has its address; see README.md.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import requests

from tests.commands import hansa
from tests.scenarios.zato_services.side_by_side.cases import ANY, CASES, JSON, Answer, Case

ZATO = os.environ.get("HANSA_TEST_ZATO", "").rstrip("/")
HERE = Path(__file__).parent
CID = re.compile(rb"\bK[0-9A-Z]{27}\b|\b[0-9a-f]{24}\b")


def ask(address: str, case: Case) -> Answer:
    """Send the request of a case; returns the answer, with `<cid>` for correlation ids."""
    method = case.method or ("GET" if case.body is None else "POST")
    answer = requests.request(
        method,
        address + case.path,
        data=case.body,
        headers=case.headers,
        allow_redirects=False,
        timeout=30,
    )
    content_type = answer.headers.get("Content-Type", "")
    return Answer(CID.sub(b"<cid>", answer.content), content_type, answer.status_code)


def comparable(answer: Answer) -> Answer:
    """Return an answer without what README.md excepts: blanks and order of JSON, the type of nothing."""
    if not answer.body:
        return Answer(b"", "", answer.status)
    if answer.content_type.startswith(JSON):
        text = json.dumps(json.loads(answer.body), sort_keys=True)
        return Answer(text.encode(), JSON, answer.status)
    return answer


def agrees(answer: Answer, expected: Answer) -> bool:
    """Whether an answer of Zato is the one that is expected."""
    given, wanted = comparable(answer), comparable(expected)
    pattern = re.escape(wanted.body).replace(re.escape(ANY.encode()), b".*")
    same_type = wanted.content_type in (ANY, given.content_type)
    found = re.fullmatch(pattern, given.body, re.DOTALL)
    return found is not None and same_type and given.status == wanted.status


@pytest.fixture(scope="module")
def address(zato):
    """Hansa, with the channels out of the file of enmasse."""
    hansa(zato.server, "import", "zato", str(HERE / "zato.yaml"), "--apply")
    return zato.server.url


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_here(address, case):
    assert ask(address, case) == case.answer


if ZATO:

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_there(case):
        expected = case.zato or case.answer
        answer = ask(ZATO, case)
        assert agrees(answer, expected), (answer, expected)


def test_what_is_compared():
    rude = Answer(b'{"details": "x", "cid":"<cid>", "result": "Error"}', JSON, 500)
    assert agrees(rude, Answer(b'{"result":"Error","cid":"<cid>","details":"<text>"}', JSON, 500))
    assert not agrees(rude, Answer(b'{"result":"Error","cid":"<cid>","details":"y"}', JSON, 500))
    assert not agrees(rude, Answer(rude.body, JSON, 400))


def test_each_difference_has_its_reason():
    rows = re.findall(r"^\| `([\w-]+)` \|", (HERE / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(case.name for case in CASES if case.zato is not None)


def test_twenty_services_are_compared():
    assert len(set(re.findall(r"service: ([\w.-]+)", (HERE / "zato.yaml").read_text()))) == 20
