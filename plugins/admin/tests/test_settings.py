"""Settings complete, and without defaults."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, Secret, setting
from hansa_admin.settings import completed, secret_names, shortened
from hypothesis import given, strategies as st


class Retry(Model):
    times: Annotated[int, setting("How often", ge=0)] = 3
    through: Annotated[str, setting("Proxy", refers="outgoing http")] = ""


class Settings(Model):
    host: Annotated[str, setting("Host", min_length=2)]
    port: Annotated[int, setting("Port", ge=1, le=65535)] = 80
    password: Annotated[Secret | None, setting("Password", min_length=None)] = None
    service: Annotated[str, setting("Service", refers="service")] = ""
    security: Annotated[str | list[str] | None, setting("Security", refers="security")] = None
    retry: Annotated[Retry, setting("Retries")] = Retry()
    several: Annotated[list[Retry], setting("Many")] = []


def test_secrets_are_known_by_name() -> None:
    assert secret_names(Settings) == {"password"}


@given(st.booleans(), st.integers(1, 65535), st.integers(0, 5), st.sampled_from(["", "proxy"]))
def test_shortening_and_completing_undo_each_other(
    given_port: bool, port: int, times: int, through: str
) -> None:
    data = {"host": "example.com", "retry": {"times": times, "through": through}} | (
        {"port": port} if given_port else {}
    )
    short = shortened(Settings, data)
    assert completed(Settings, short) == completed(Settings, data)
    assert list(short) == sorted(short)
    assert shortened(Settings, completed(Settings, data)) == short
    assert ("port" in short) == (given_port and port != 80)


def test_the_section_of_a_plugin_that_is_gone_is_exported() -> None:
    data = {"host": "example.com", "limits": {"timeout": 1}, "a": {}}
    assert shortened(Settings, data) == data
    assert list(shortened(Settings, data)) == ["a", "host", "limits"]


def test_partly_given_models_are_completed() -> None:
    assert completed(Settings, {"host": "ab", "retry": {"times": 4}})["retry"] == {
        "times": 4,
        "through": "",
    }
