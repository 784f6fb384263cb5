"""Language models in a real server of Hansa: the README's example, an outage, a new key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.llm.tests.servers import ModelStandIn

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"


def test_the_example_works_through_an_outage_and_a_new_key(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    with ModelStandIn() as peer:
        address = f'"{peer.settings["address"]}"\ndeadline = 3'
        config = blocks["config.toml"].replace('"https://api.example.com/v1"', address)
        server = start_server(
            config, start=False, workers=1, plugins=["llm"], env={"LLM_KEY": peer.password}
        )
        (server.folder / "sort.py").write_text(blocks["sort.py"])
        server.start()
        key = peer.password

        def ask(text="json"):
            return server.post("/sort", json={"text": text})

        assert ask().json() == {"kind": "order"}, server.log()
        assert ask("[1]").status_code == 500  # an answer of another shape is the service's matter
        peer.kill()
        assert ask().status_code == 503
        wait_until(lambda: "reached" in states(server), 10, server.log)
        peer.password = "sk-another-key-of-this-test"
        peer.start()
        refused = ask()
        assert refused.status_code == 503 and key not in refused.text
        wait_until(lambda: "refuses the key" in states(server), 10, server.log)
        server.api("admin.security.bearer.edit", name="llm-key", tokens=[peer.password])
        wait_until(lambda: ask().status_code == 200, 10, server.log)
        server.api("admin.outgoing.llm.edit", name="small", budget=50)
        answers = {ask("one two three four five " * 10).status_code for _ in range(3)}
        assert 503 in answers and "budget" in server.log()
        assert key not in server.log() and peer.password not in server.log()


def states(server):
    return str(server.api("admin.outgoing.llm.get", name="small")["states"])
