"""The example of the README in a server."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_works_in_a_server(start_server):
    text = README.read_text()
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", text, re.S))
    [body] = re.findall(r"```text\n(.*?)```", text, re.S)
    server = start_server(blocks["config.toml"], start=False, workers=1, plugins=["edi"])
    (server.folder / "orders.py").write_text(blocks["orders.py"])
    server.start()
    answer = server.post("/orders", data=body, headers={"Content-Type": "application/EDIFACT"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/edifact"
    assert answer.text.splitlines() == [
        "UNB+UNOC:3+4098765000000:14+4012345000009:14+261130:1609+AREF1'",
        "UNH+1+ORDRSP:D:96A:UN'",
        "BGM+231+PO-4711+29'",
        "UNT+3+1'",
        "UNZ+1+AREF1'",
    ]
    wrong = server.post("/orders", data=body.replace("UNT+3", "UNT+4"))
    assert wrong.status_code == 400 and "segment 4 (UNT)" in wrong.text
