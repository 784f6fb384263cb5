"""From JSON Schema to command line options and back to JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import click
import msgspec
import pytest
from click.testing import CliRunner
from hansa import Model, Secret, setting
from hansa_admin.schemas import described
from hansa_cli.options import parameters
from hansa_cli.schema import Schema
from hansa_cli.values import typed


class Inner(Model):
    """Inner settings."""

    depth: Annotated[int, setting("Depth")] = 1


class Limits(Model):
    """Limits of a channel."""

    timeout: Annotated[float, setting("Seconds", gt=0)] = 30.0
    retries: Annotated[int | None, setting("Attempts")] = None
    strict: Annotated[bool, setting("Strict")] = False
    tags: Annotated[list[str], setting("Tags")] = []
    headers: Annotated[dict[str, str], setting("Headers")] = {}
    token: Annotated[Secret | None, setting("Token")] = None
    window: Annotated[int, setting("Has the option of a setting outside")] = 1


class Everything(Model):
    name: Annotated[str, setting("Name")]
    text: Annotated[str, setting("Text.", example="such")]
    number: Annotated[int | None, setting("Number")] = 3
    share: Annotated[float, setting("Share")] = 0.5
    on: Annotated[bool, setting("Switch")] = True
    mode: Annotated[Literal["a", "b"] | None, setting("Mode")] = None
    level: Annotated[Literal[1, 2], setting("Level")] = 1
    tags: Annotated[list[str], setting("Tags")] = []
    ports: Annotated[list[int], setting("Ports")] = []
    either: Annotated[str | list[str] | None, setting("One or more")] = None
    headers: Annotated[dict[str, str], setting("Headers")] = {}
    inner: Annotated[Inner | None, setting("Inner")] = None
    key: Annotated[Secret | None, setting("Key")] = None
    under_score: Annotated[str, setting("Underscore")] = ""
    verify: Annotated[bool | str, setting("Whether, or a file")] = True
    json: Annotated[str, setting("Has the name of a common option")] = ""
    limits: Annotated[Limits, setting("Limits")] = Limits()
    limits_window: Annotated[int, setting("Window")] = 5


def run(*arguments: str, input: str = "") -> tuple[int, Any, str]:
    """Exit code, what was typed, and what was printed."""
    schemas, components = described([Everything])
    schema = Schema(schemas[Everything], components)
    found: dict[str, Any] = {}
    command = click.Command(
        "x",
        params=parameters(schema),
        callback=lambda **v: found.update(typed(v, schema)),
    )
    result = CliRunner().invoke(command, arguments, input=input)
    return result.exit_code, found, result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--text", "5"], {"text": "5"}),
        (["--number", "5", "--share", "1.5"], {"number": 5, "share": 1.5}),
        (["--share", "2"], {"share": 2}),
        (["--on"], {"on": True}),
        (["--no-on"], {"on": False}),
        (["--mode", "b", "--level", "2"], {"mode": "b", "level": 2}),
        (["--tags", "a"], {"tags": ["a"]}),
        (["--tags", "a", "--tags", "b"], {"tags": ["a", "b"]}),
        (["--ports", "1", "--ports", "2"], {"ports": [1, 2]}),
        (["--either", "a"], {"either": "a"}),
        (["--either", "a", "--either", "b"], {"either": ["a", "b"]}),
        (["--headers", "A=1", "--headers", "B=x=y"], {"headers": {"A": "1", "B": "x=y"}}),
        (["--headers", '{"A": "1"}'], {"headers": {"A": "1"}}),
        (["--inner", '{"depth": 2}'], {"inner": {"depth": 2}}),
        (["--number", '{"$env": "N"}'], {"number": {"$env": "N"}}),
        (["--ports", '{"$env": "N"}'], {"ports": {"$env": "N"}}),
        (["--key", "secret"], {"key": "secret"}),
        (["--verify", "false"], {"verify": False}),
        (["--verify", "ca.pem"], {"verify": "ca.pem"}),
        (["--under-score", "x"], {"under_score": "x"}),
        (
            ["--set", "number=null", "--set", 'inner={"depth": 3}', "--set", "under-score=1"],
            {"number": None, "inner": {"depth": 3}, "under_score": 1},
        ),
        ([], {}),
        (["--limits-timeout", "5"], {"limits": {"timeout": 5}}),
        (
            ["--limits-timeout", "2.5", "--limits-strict", "--limits-retries", "3"],
            {"limits": {"timeout": 2.5, "strict": True, "retries": 3}},
        ),
        (["--no-limits-strict"], {"limits": {"strict": False}}),
        (
            ["--limits-tags", "a", "--limits-tags", "b", "--limits-headers", "A=1"],
            {"limits": {"tags": ["a", "b"], "headers": {"A": "1"}}},
        ),
        (["--limits", '{"timeout": 5}'], {"limits": {"timeout": 5}}),
        (
            ["--limits-retries", "2", "--limits", '{"timeout": 5, "retries": 1}'],
            {"limits": {"timeout": 5, "retries": 2}},
        ),
        (["--limits-timeout", '{"$env": "N"}'], {"limits": {"timeout": {"$env": "N"}}}),
        (["--inner-depth", "4"], {"inner": {"depth": 4}}),
        (["--limits-window", "7"], {"limits_window": 7}),
        (["--set", "limits.window=7"], {"limits": {"window": 7}}),
        (
            ["--limits-timeout", "5", "--set", "limits.retries=null"],
            {"limits": {"timeout": 5, "retries": None}},
        ),
        (["--set", 'headers.a="x"'], {"headers.a": "x"}),
    ],
)
def test_what_is_typed_becomes_json(arguments: list[str], expected: dict[str, Any]) -> None:
    code, found, output = run("n", *arguments)
    assert code == 0, output
    assert found == {"name": "n", **expected}
    assert {name: type(value) for name, value in found.items()} == {"name": str} | {
        name: type(v) for name, v in expected.items()
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--number", "x"], "no whole number"),
        (["--share", "x"], "no number"),
        (["--mode", "c"], "a, b"),
        (["--inner", "{"], "not valid JSON"),
        (["--set", "x"], "SETTING=JSON"),
        (["--text", '{"$env": '], "not valid JSON"),
        (["--limits-timeout", "soon"], "no number"),
        (["--limits-unknown", "1"], "--limits-unknown"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(arguments: list[str], told: str) -> None:
    code, _, output = run("n", *arguments)
    assert code == 2
    assert told in output


def test_a_secret_is_read_from_standard_input() -> None:
    code, found, output = run("n", "--key", "-", input="word\nmore\n")
    assert code == 0
    assert found["key"] == "word"
    assert "word" not in output.replace("Key", "")
    assert run("n", "--key", "-", input="\n")[1]["key"] == ""
    # an end of the input is no secret, not even an empty one
    code, _, output = run("n", "--key", "-", input="")
    assert code == 2
    assert "--key -: there is nothing on standard input" in output


def test_a_secret_is_prompted_for_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_cli.values._is_terminal", lambda: True)
    code, found, output = run("n", "--key", "-", input="word\nword\n")
    assert code == 0
    assert found["key"] == "word"
    assert "word" not in output.replace("Key", "")
    code, found, output = run("n", "--limits-token", "-", input="word\nword\n")
    assert code == 0
    assert found["limits"] == {"token": "word"}
    assert output.startswith("Limits token: ")


def test_help_has_texts_defaults_examples_and_choices() -> None:
    code, _, output = run("--help")
    words = " ".join(output.split())
    assert code == 0
    for text in (
        "Text. [required; such as such]",
        "Number. [default: 3]",
        "[a|b]",
        "KEY=VALUE|JSON",
        "- prompts for it",
        "--on / --no-on",
        "--limits JSON Limits.",
        "--limits-timeout NUMBER Seconds. [default: 30.0]",
        "--limits-strict / --no-limits-strict Strict. [default: false]",
        "--limits-headers KEY=VALUE|JSON Headers.",
    ):
        assert text in words, text


def test_no_setting_of_any_shape_breaks_the_options() -> None:
    class Odd(Model):
        anything: Annotated[Any, setting("Anything")] = None
        mixed: Annotated[int | str | list[int] | None, setting("Mixed")] = None
        unset: Annotated[int, setting("Unset")] | msgspec.UnsetType = msgspec.UNSET

    schemas, components = described([Odd])
    assert [p.name for p in parameters(Schema(schemas[Odd], components))] == [
        "anything",
        "mixed",
        "unset",
        "set_",
    ]


class Inside(Model):
    host: Annotated[str, setting("Host")]
    port: Annotated[int, setting("Port")] = 80


class Outside(Model):
    first: Annotated[Inside, setting("First")]
    second: Annotated[Inside | None, setting("Second")] = None
    third: Annotated[Inside, setting("Third")] = Inside(host="there", port=8080)


def test_a_setting_of_a_section_is_required_where_its_section_is() -> None:
    schemas, components = described([Outside])
    helps = {
        option.opts[0]: option.help
        for option in parameters(Schema(schemas[Outside], components))
        if isinstance(option, click.Option)
    }
    assert helps["--first"] == "First.  [required]"
    assert helps["--first-host"] == "Host.  [required]"
    assert helps["--first-port"] == "Port.  [default: 80]"
    assert helps["--second-host"] == "Host."
    assert helps["--third-host"] == "Host.  [default: there]"
    assert helps["--third-port"] == "Port.  [default: 8080]"


def test_settings_have_other_options_than_a_command_has_already() -> None:
    schemas, components = described([Everything])
    found = parameters(Schema(schemas[Everything], components), {"--json", "--limits-timeout"})
    flags = {flag for parameter in found for flag in parameter.opts}
    assert not {"--json", "--limits-timeout"} & flags
    assert {"--limits", "--limits-retries", "--set"} <= flags
    assert {"--setting-json", "--setting-limits-timeout"} <= flags
    assert {"json", "limits__timeout"} <= {parameter.name for parameter in found}
