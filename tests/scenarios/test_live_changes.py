"""Changes under load lose nothing: every request is answered, handled once, by one version."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.scenarios.load import SOURCE, Load, basic, handled

BAD = {
    3: "def a_syntax_error(:\n",
    7: "import no_such_module_anywhere\n",
    11: "while True:  # an endless import\n    pass\n",
    15: "raise SystemExit\n",
    18: "import os\nos._exit(0)\n",
}
ROUNDS = 20
CONFIG = '[server]\ntrial_timeout = 5.0\n[log]\nlevel = "WARNING"\n'


@pytest.mark.proof
def test_live_changes_lose_nothing(start_server, api_error, tmp_path):
    server = start_server(CONFIG, workers=2)
    written = tmp_path / "written"
    newest = 1
    server.deploy("live.py", SOURCE.format(version=newest, path=str(written)))
    for name in ("one", "two"):
        server.api(
            "admin.security.basic.create", name=name, username="client", password="s3cret-" * 3
        )
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live.count",
        format="json",
        security="one",
    )

    since: list[tuple[float, int]] = []  # from when on which version must answer
    with Load(server.port, "/live", headers=basic("client", "s3cret-" * 3)) as load:
        for round in range(ROUNDS):
            if round in BAD:
                try:
                    server.deploy("live.py", BAD[round])
                except api_error as error:
                    assert error.status == 400, error
                else:
                    raise AssertionError(f"deployed: {BAD[round]}")
            else:
                newest += 1
                answer = server.deploy("live.py", SOURCE.format(version=newest, path=str(written)))
                if not answer["pending"]:
                    since.append((time.monotonic(), newest))
            server.api("admin.channel.http.edit", name="live", security=("two", "one")[round % 2])
            if round % 4 == 3:
                server.cli("server", "reload")
            if round in (6, 14):
                server.cli("plugin", "reload", "json" if round == 6 else "security")

    assert len(load.answers) > 500
    assert not load.faults, f"{len(load.faults)} of {len(load.answers)}: {load.faults[:5]}"
    assert not [answer for answer in load.answers if answer.refused]
    times = handled(written)
    assert set(times) == {answer.number for answer in load.answers}
    assert not {number: count for number, count in times.items() if count > 1}
    assert max(answer.version for answer in load.answers) == newest
    assert since
    for moment, version in since:
        stale = [
            answer for answer in load.answers if answer.began > moment and answer.version < version
        ]
        assert not stale, f"version {version} was applied everywhere, and then: {stale[:3]}"


def test_a_copied_service_answers_nearly_as_soon_as_one_deployed_by_the_api(
    start_server, wait, tmp_path
):
    """What a change costs by itself, docs/performance.md says; here both share whatever else the
    machine does.
    """
    server = start_server(workers=2, plugins=["pickup", "redis"])
    source = partial(SOURCE.format, path=str(tmp_path / "written"))
    server.deploy("live.py", source(version=1))
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live.count",
        format="json",
    )

    def seconds(change: Callable[[str, str], object], version: int) -> float:
        began = time.monotonic()
        change("live.py", source(version=version))
        wait(lambda: server.post("/live", {"number": 0}).json()["version"] == version, 10)
        return time.monotonic() - began

    def copy(file: str, text: str) -> None:
        (server.dir / "pickup" / file).write_text(text)

    copied, deployed = [], []
    for version in range(2, 12, 2):
        copied.append(seconds(copy, version))
        deployed.append(seconds(server.deploy, version + 1))
    # the middle ones: a machine that is busy with other things may be late once
    assert sorted(copied)[2] <= 2 * sorted(deployed)[2], (copied, deployed)


@pytest.mark.proof
def test_100_deployments_leak_nothing(start_server, tmp_path):
    server = start_server(CONFIG, workers=1)
    server.deploy("live.py", SOURCE.format(version=1, path=str(tmp_path / "written")))
    server.api(
        "admin.channel.http.create",
        name="live",
        url_path="/live",
        service="live.count",
        format="json",
    )

    def used(first: int, last: int) -> int:
        for version in range(first, last):
            server.deploy("live.py", SOURCE.format(version=version, path=str(tmp_path / "written")))
            assert server.post("/live", {"number": 0}).json()["version"] == version
        return sum(
            process.memory_info().rss
            for process in server.processes()
            if process.pid != server.process.pid
        )

    before = used(2, 12)
    grown = (used(12, 112) - before) / 2**20
    assert grown <= 5, f"{grown:.1f} MiB"
