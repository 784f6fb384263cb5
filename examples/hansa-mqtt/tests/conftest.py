"""Mosquitto for the tests."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hansa_devkit.servers import RealServer


class Mosquitto(RealServer):
    """A broker that lets anybody in, or only `hansa` where it has a file of passwords."""

    name, package, programs = "mosquitto", "mosquitto", ("mosquitto",)
    port_names: ClassVar = ("main", "guarded")

    def prepare(self):
        self.write("passwords", "")
        self.run(
            [self.program("mosquitto_passwd"), "-b", f"{self.folder}/passwords", "hansa", "secret"]
        )
        lines = [
            "per_listener_settings true",
            f"listener {self.ports['main']} 127.0.0.1",
            "allow_anonymous true",
            f"listener {self.ports['guarded']} 127.0.0.1",
            f"password_file {self.folder}/passwords",
            "persistence true",
            f"persistence_location {self.folder}/",
        ]
        self.write("mosquitto.conf", "\n".join(lines) + "\n")

    def command(self):
        return [self.program("mosquitto"), "-c", f"{self.folder}/mosquitto.conf"]


@pytest.fixture(scope="session")
def broker(real_server):
    return real_server(Mosquitto)
