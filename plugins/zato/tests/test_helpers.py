"""Helper modules and packages beside services written for Zato, copied into the folder of the
tutorial.
"""

from __future__ import annotations

import re
import subprocess

import pytest
from hansa_devkit.harness.api_server import servers
from hansa_devkit.harness.waiting import wait_until

FILES = {
    "my_service.py": """
from zato.server.service import Service
from my_helpers import tax
from my_prices.tables import PRICES

class GetPrice(Service):
    class SimpleIO:
        input_required = ("item",)
        output_required = ("price",)

    def handle(self):
        self.response.payload.price = tax(PRICES[self.request.input.item])
""",
    "my_helpers.py": "def tax(price):\n    return price * 2\n",
    "my_prices/__init__.py": "",
    "my_prices/tables.py": "PRICES = {'a': 21}\n",
}


@pytest.fixture
def start_server(tmp_path):
    with servers(tmp_path / "servers") as start:
        yield start


def test_services_import_helpers_and_packages_and_follow_them(start_server, tmp_path):
    server = start_server(
        '[pickup]\ndirectory = "pickup/incoming/services"\n',
        workers=2,
        plugins=["pickup", "redis", "soap", "xml", "zato"],
    )
    folder = server.dir / "pickup/incoming/services"
    wait_until(lambda: "watching" in server.log())
    # a worker that loads a file while it starts does not report it as uploaded
    wait_until(lambda: "runs with 2 workers" in server.log())
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run(
        [
            "cp",
            "-r",
            *(tmp_path / name for name in ("my_service.py", "my_helpers.py", "my_prices")),
            folder,
        ],
        check=True,
    )
    for name in ("my_service.py", "my_helpers.py", "my_prices/"):
        # each worker says so, on the console and in the log file
        line = f"], payload_name:[{name}]"
        wait_until(lambda line=line: server.log().count(line) >= 4, what=line)
    ids = dict(re.findall(r"Uploaded package id:\[(\d+)\], payload_name:\[(\S+)\]", server.log()))
    assert len(ids) == 3, "each upload has an id of its own"

    def price() -> object:
        answer = server.api(
            "admin.service.invoke", name="my-service.get-price", payload={"item": "a"}
        )
        return answer["payload"]

    assert "42" in str(price())
    uploads = server.log().count("payload_name:[my_service.py]")
    (folder / "my_prices/tables.py").write_text("PRICES = {'a': 50}\n")
    wait_until(lambda: "100" in str(price()))
    assert (
        "loaded anew, with what it imports, my_service.py version 1: my-service.get-price"
        in server.log()
    )
    assert (
        server.log().count("payload_name:[my_service.py]") == uploads
    )  # it was loaded anew, not uploaded
    (folder / "my_helpers.py").write_text("def vat(price):\n    return price\n")
    line = (
        "my_helpers.py is not deployed: my_service.py, line 3: "
        "ImportError: cannot import name 'tax' from 'my_helpers'"
    )
    wait_until(lambda: line in server.log())
    assert "100" in str(price())
