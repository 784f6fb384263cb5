"""Faults name the lines of what was edited."""

from __future__ import annotations

import pytest
from hansa_loadbalancer.lines import filled, line_of, with_lines

TEXT = """# kept
[loadbalancer]
bind = "127.0.0.1:1"
[loadbalancer.timeouts]
client = 1.0
[[loadbalancer.servers]]
name = "one"
address = "127.0.0.1:2"
[[loadbalancer.servers]]
name = "two"
"weight" = 0
"""


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("loadbalancer.bind", 3),
        ("loadbalancer.timeouts.client", 5),
        ("loadbalancer.timeouts.server", 4),
        ("loadbalancer.servers[0].address", 8),
        ("loadbalancer.servers[1].weight", 11),
        ("loadbalancer.servers[1].address", 9),
        ("loadbalancer.maxconn", 2),
        ("loadbalancer", 2),
        ("other", 0),
    ],
)
def test_the_line_of_a_setting(setting: str, line: int) -> None:
    assert line_of(TEXT, setting) == line


def test_faults_are_named_by_setting_and_line() -> None:
    faults = {"/c.toml: loadbalancer.bind": "is wrong", "/c.toml": "is not TOML", "x": "is unknown"}
    assert with_lines(faults, TEXT, "/c.toml") == {
        "loadbalancer.bind": "line 3: is wrong",
        "stored": "is not TOML",
        "x": "is unknown",
    }


def test_lines_of_a_template() -> None:
    made = filled("a\n$b\nc $$d ${e}\n", {"b": "1\n2", "e": "f"})
    assert made.text == "a\n1\n2\nc $d f\n"
    assert made.origins == (1, 2, 2, 3)


@pytest.mark.parametrize(
    ("template", "fault"),
    [("a\n$nobody\n", "line 2: there is no placeholder nobody"), ("a\nb\n$ 1\n", r"line 3: a \$")],
)
def test_a_faulty_template(template: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        filled(template, {})
