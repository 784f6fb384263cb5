"""A search engine in a real server of Hansa: the README's example, an outage, a new password."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until

from plugins.search.tests.servers import EngineStandIn

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"


def test_the_example_works_through_an_outage_and_a_new_password(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    with EngineStandIn() as peer:
        address = f'"{peer.settings["address"]}"\ndeadline = 3'
        config = blocks["config.toml"].replace('"https://search.example.com:9200"', address)
        server = start_server(
            config,
            start=False,
            workers=1,
            plugins=["search"],
            env={"SEARCH_PASSWORD": peer.password},
        )
        (server.folder / "books.py").write_text(blocks["books.py"])
        server.start()

        def put(isbn="1", title="Größe und Ordnung"):
            return server.post("/put", json={"isbn": isbn, "title": title}).status_code

        assert put() == 200, server.log()
        found = server.post("/find", json={"words": "ordnung"})
        assert found.json() == {"total": 1, "isbn": ["1"]}, server.log()
        peer.kill()
        assert put() == 503
        wait_until(lambda: "reached" in states(server), 10, server.log)
        peer.password = "another-password-of-this-test"
        peer.start()
        assert put() == 503
        wait_until(lambda: "refuses the login" in states(server), 10, server.log)
        server.api("admin.security.basic.edit", name="library", password=peer.password)
        wait_until(lambda: put() == 200, 10, server.log)
        assert peer.password not in server.log()


def states(server):
    return str(server.api("admin.outgoing.elasticsearch.get", name="library")["states"])
