"""The example of the README in a server, with forms that curl and httpx2 send."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from hansa_form import FormFile
from hansa_form.format import FormFormat

README = Path(__file__).parents[1] / "README.md"
CONTENT = bytes(range(256)) * 4 + b"\r\n--\r\n"


@pytest.mark.evidence("real_server")
def test_the_example_works_in_a_server(start_server, tmp_path):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    server = start_server(blocks["config.toml"], start=False, workers=1, plugins=["form"])
    (server.folder / "claims.py").write_text(blocks["claims.py"])
    server.start()
    claims, copies = server.url + "/claims", server.url + "/copies"

    scan = tmp_path / "scan.pdf"
    scan.write_bytes(CONTENT)
    expected = {"number": ["7"], "urgent": ["true"], "tag": ["a", "ü b"]}
    sent = ["-F", "number=7", "-F", "tags=a", "-F", "tags=ü b", "-F", "urgent=on"]
    answer = of_curl(claims, *sent, "-F", f'document=@{scan};filename=a"b.pdf')
    assert parse_qs(answer) == {**expected, "size": [str(len(CONTENT))]}
    answer = of_curl(claims, *(one.replace("-F", "--data-urlencode") for one in sent))
    assert parse_qs(answer) == {**expected, "size": ["0"]}

    with httpx2.Client() as client:
        files = {"document": ("scan.pdf", CONTENT, "application/pdf")}
        answer = client.post(copies, data={"number": "9"}, files=files)
        found = FormFormat().parse(answer.content)
        assert found == {"copy": FormFile(CONTENT, "9.pdf", "application/pdf")}
        boundary = answer.content.partition(b"\r\n")[0].decode()[2:]
        assert answer.headers["Content-Type"] == f"multipart/form-data; boundary={boundary}"

        answer = client.post(claims, data={"number": "x", "tags": ["a", "b"], "document": "text"})
        assert answer.status_code == 400 and "number" in answer.text and "document" in answer.text
        answer = client.post(copies, data={"number": "9"}, files=[("document", b"1")] * 2)
        assert answer.status_code == 413 and "form.max_files" in answer.text
        # no charset of the content type may change the bytes of a file
        request = client.build_request("POST", copies, data={"number": "9"}, files=files)
        request.headers["Content-Type"] += "; charset=iso-8859-1"
        copied: Any = FormFormat().parse(client.send(request).content)
        assert copied["copy"].content == CONTENT


def of_curl(url, *arguments):
    """What curl is answered."""
    command = ["curl", "-sS", "--fail-with-body", "--max-time", "30", *arguments, url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
