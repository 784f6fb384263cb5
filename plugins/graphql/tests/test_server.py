"""GraphQL in a real server: the README's example from outside, edits and deployments under load."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.waiting import wait_until

pytestmark = pytest.mark.evidence("real_server")
README = Path(__file__).parents[1] / "README.md"
KEY = "a-long-secret-key"


@pytest.fixture
def server(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    made = start_server(
        blocks["config.toml"],
        start=False,
        workers=1,
        plugins=["graphql"],
        env={"SHOP_KEY": KEY},
    )
    (made.folder / "shop.py").write_text(blocks["shop.py"])
    made.start()
    wait_until(lambda: ask(made, "{ __typename }").status_code == 200, 30)
    return made


def ask(server, query, key=KEY):
    return requests.post(
        f"{server.url}/graphql", json={"query": query}, headers={"X-API-Key": key}, timeout=30
    )


def test_the_example_from_outside(server):
    answer = ask(server, "{ order(id: 1) { total lines { article } } }").json()
    assert answer == {"data": {"order": {"total": 25.0, "lines": [{"article": "tea"}]}}}
    change = "mutation { changeTotal(id: 1, total: 30) { total } }"
    assert ask(server, change).json() == {"data": {"changeTotal": {"total": 30.0}}}
    assert ask(server, "{ order(id: 2) { id } }").json()["data"] == {"order": None}
    refused = ask(server, "{ order(id: 1) { id } }", "wrong")
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "unauthorized"
    assert "): Order\n" in server.cli("graphql", "schema", "shop").stdout
    assert KEY not in server.log()
    query = [{"field": "a", "service": "nobody"}]
    with pytest.raises(ApiError) as caught:
        server.api("admin.channel.graphql.create", name="x", url_path="/x", queries=query)
    assert "queries[0].service" in str(caught.value.problem["errors"])


def test_edits_and_deployments_under_load_lose_nothing(server):
    failed = []
    done = threading.Event()

    def load():
        while not done.is_set():
            try:
                answer = ask(server, "{ order(id: 1) { id } }").json()
                if answer != {"data": {"order": {"id": 1}}}:
                    failed.append(answer)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for one in threads:
        one.start()
    try:
        for depth in (8, 9, 10):
            current = server.api("admin.channel.graphql.get", name="shop")
            edit = {"max_depth": depth, "seen_revision": current["revision"]}
            server.api("admin.channel.graphql.edit", name="shop", **edit)
        source = (server.folder / "shop.py").read_text()
        server.deploy(
            "shop.py", source.replace("total: float\n", "total: float\n    note: str = ''\n")
        )
        wait_until(lambda: ask(server, "{ order(id: 1) { note } }").status_code == 200, 30)
    finally:
        done.set()
        for one in threads:
            one.join()
    assert failed == []
