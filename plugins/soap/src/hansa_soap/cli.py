"""The command group `hansa wsdl`: the WSDL of services, SOAP channels and outgoing SOAP connections."""

from __future__ import annotations

from pathlib import Path

import click
from hansa import replace_file
from hansa_cli import output
from hansa_cli.client import Client
from hansa_cli.connection import command
from hansa_cli.plain import JsonObject

KIND = click.Argument(["kind"], type=click.Choice(["service", "channel", "outgoing"]))
NAME = click.Argument(["name"])


@click.group("wsdl")
def group() -> None:
    """The WSDL of services, SOAP channels and outgoing SOAP connections."""


def _subject(kind: str, name: str) -> JsonObject:
    return {"service": name} if kind == "service" else {"kind": kind, "name": name}


@command(
    "get",
    KIND,
    NAME,
    click.Option(
        ["--address"],
        default="",
        help="URL of the servers, without a path, that a derived document names.",
    ),
    click.Option(
        ["--out"],
        type=click.Path(dir_okay=False, path_type=Path),
        help="File to write it to, instead of printing it.",
    ),
)
def get(
    client: Client, as_json: bool, kind: str, name: str, address: str, out: Path | None
) -> None:
    """Print the WSDL of a service, a channel or an outgoing connection, or write it to a file."""
    answer = client.call("admin.wsdl.get", {**_subject(kind, name), "address": address})
    if out is not None:
        replace_file(out, answer["text"], mode=0o644)
    if as_json:
        output.print_json(answer)
    elif out is None:
        click.echo(answer["text"])
    else:
        click.echo(f"{out}: the WSDL of {name}, {answer['origin']}")


@command(
    "set",
    KIND,
    NAME,
    click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
)
def set_(client: Client, as_json: bool, kind: str, name: str, file: Path) -> None:
    """Serve, or use, the WSDL in FILE instead of the present one."""
    data = {**_subject(kind, name), "text": _text(file)}
    _report(client.call("admin.wsdl.set", data), as_json, "has this WSDL")


@command("delete", KIND, NAME)
def delete(client: Client, as_json: bool, kind: str, name: str) -> None:
    """Forget a WSDL that was uploaded."""
    answer = client.call("admin.wsdl.delete", _subject(kind, name))
    _report(answer, as_json, "has no uploaded WSDL")


def _text(file: Path) -> str:
    """Return the text of a file in the encoding that it declares; a usage error if it has another."""
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            return etree.tostring(etree.fromstring(raw, parser), encoding="unicode")
        except etree.XMLSyntaxError as error:
            raise click.UsageError(f"{file} is not well-formed XML: {error}") from None


def _report(answer: JsonObject, as_json: bool, what: str) -> None:
    if as_json:
        output.print_json(answer)
        return
    for subject in answer["subjects"]:
        click.echo(f"{subject} {what}, revision {answer['revision']}")


for each in (get, set_, delete):
    group.add_command(each)
