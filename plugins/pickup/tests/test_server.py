"""The pickup of a real server: a copy serves within half a second, and an error is told as by the
admin API.
"""

from __future__ import annotations

import subprocess
import time

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_devkit.harness.waiting import wait_until

pytestmark = pytest.mark.evidence("real_server")

SOURCE = """from hansa import Service


class Number(Service):
    def handle(self):
        return {number}
"""
BAD = "from hansa import Service\n\n\nclass Number(Service)\n"


@pytest.fixture
def server(tmp_path):
    running = RunningServer(tmp_path / "server", plugins=["pickup", "redis"]).start()
    wait_until(lambda: "watching" in running.log())
    yield running
    running.stop()


def copy(server, source: str) -> float:
    path = server.folder / "my_numbers.py"
    path.write_text(source)
    subprocess.run(["cp", path, server.dir / "pickup"], check=True)
    return time.monotonic()


def test_copies_are_served_soon_and_errors_are_told_in_one_line(server):
    delays: list[float] = []
    compared: list[float] = []
    for number in range(1, 6):
        began = copy(server, SOURCE.format(number=number))
        if number == 1:
            wait_until(lambda: "my_numbers.py: version 1" in server.log())
            server.api(
                "admin.channel.http.create",
                name="number",
                url_path="/number",
                service="my-numbers.number",
                format="json",
            )
        # both workers, by the shared socket: the new number some times in a row
        seen = 0
        while seen < 4:
            assert time.monotonic() - began < 10
            seen = seen + 1 if server.get("/number").json() == number else 0
        delays.append(time.monotonic() - began)
        began = time.monotonic()
        server.deploy("compared.py", SOURCE.format(number=number))
        compared.append(time.monotonic() - began)
    # on a busy machine no deployment is quick
    soon = max(1.0, 2 * sorted(compared[1:])[1])
    assert sorted(delays[1:])[1] < soon, (delays, compared)
    # once every worker has it: after it is served
    told = "picked up my_numbers.py: version 5 with my-numbers.number"
    wait_until(lambda: server.log().count(told) == 2)  # console and file
    with pytest.raises(ApiError) as caught:
        server.api("admin.service.deploy", file="my_numbers.py", source=BAD)
    fault = caught.value.problem["errors"]["source"]
    copy(server, BAD)
    wait_until(lambda: f"my_numbers.py is not deployed: {fault}" in server.log())
    assert "line 4" in fault
    assert server.get("/number").json() == 5


def test_what_was_copied_while_the_server_was_down_is_deployed_at_its_start(server):
    server.stop()
    copy(server, SOURCE.format(number=7))
    server.start()
    wait_until(lambda: "picked up my_numbers.py: version 1 with my-numbers.number" in server.log())
    assert server.api("admin.service.invoke", name="my-numbers.number")
