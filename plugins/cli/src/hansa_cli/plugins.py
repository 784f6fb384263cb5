"""`hansa plugin ...`: the plugins of a cluster, and what becomes of them in each worker."""

from __future__ import annotations

import click

from . import output
from .arguments import name_argument
from .available import available
from .client import Client
from .connection import command
from .failures import NotAsWanted, Refusal, Unreachable, is_unanswered, with_hint
from .lost import server_answers
from .offline import Folder
from .plain import JsonObject
from .replaced import PluginReplacement


@command(
    "list",
    click.Option(
        ["--available", "is_available"],
        is_flag=True,
        help="List the distributions that there are, whether installed here or not; no server is "
        "asked.",
    ),
)
def list_plugins(client: Client, as_json: bool, is_available: bool) -> None:
    """List the plugins, whether each is loaded, its quality level, and what it provides."""
    if is_available:
        _list_available(as_json)
        return
    answer = client.call("admin.plugin.list")
    if as_json:
        output.print_json(answer)
        return
    items = [{**item, "services": len(item["services"])} for item in answer["items"]]
    keys = ["name", "version", "level", "status", "why", "types", "services"]
    output.listing(items, {key: key for key in keys}, "plugins")


def _list_available(as_json: bool) -> None:
    items = available()
    if as_json:
        output.print_json({"items": items, "total": len(items)})
        return
    output.listing(
        items, {key: key for key in ("name", "installed", "description")}, "distributions"
    )


STOP_FIRST = (
    "a server answers again; if its workers keep ending, stop it by hansa stop, then block the "
    "plugin once more"
)


@command("reload", name_argument())
def reload_plugin(client: Client, as_json: bool, name: str) -> None:
    """Load a plugin anew from its files, and wait until every worker has done so."""
    answer = client.call("admin.plugin.reload", {"name": name})
    _report(client, answer, as_json)


@command(
    "block",
    name_argument(),
    click.Option(["--off", "off"], is_flag=True, help="Let it be loaded again."),
    click.Option(["--force", "force"], is_flag=True, help="Block it although definitions use it."),
    click.Option(
        ["--config", "config"],
        metavar="FILE",
        help="Configuration of a server that does not answer; by default it has its own database "
        "in --dir.",
    ),
)
def block_plugin(
    client: Client, as_json: bool, name: str, off: bool, force: bool, config: str | None
) -> None:
    """Keep a plugin from being loaded, and wait until no worker has it.

    Where no server answers, it is noted in the database of the server's folder (--dir) for the next
    start.
    """
    folder = Folder.of_context(config)
    if folder is None or not folder.stopped:
        asked = {"name": name, "blocked": not off, "force": force}
        try:
            answer = client.call("admin.plugin.block", asked)
        except (Refusal, Unreachable) as failure:
            if folder is None or not folder.database or not is_unanswered(failure):
                raise
            if server_answers(client):
                raise with_hint(failure, STOP_FIRST) from None
        else:
            _report(client, answer, as_json)
            return
    answer = folder.block(name, blocked=not off)
    done = "may be loaded again" if off else "blocked"
    output.report(answer, as_json, f"{name}: {done} from the next start on, no server answers")


def _report(client: Client, answer: JsonObject, as_json: bool) -> None:
    """Wait for the workers that are being replaced, and print what became of the plugin in each;
    raises `NotAsWanted` unless that is what was wanted everywhere.
    """
    name = answer["name"]
    wanted = answer["wanted"]
    with output.progress(f"waiting for the workers of revision {answer['revision']}", as_json):
        workers = PluginReplacement(client, name, answer["revision"], wanted).wait(
            answer["workers"]
        )
    if as_json:
        output.print_json({**answer, "workers": workers})
    else:
        output.done(answer, f"plugin {name}")
        for worker, result in workers.items():
            click.echo(f"  {worker}: {output.state_line(result)}")
    failed = [worker for worker, result in workers.items() if result["state"] != wanted]
    if failed:
        raise NotAsWanted(f"the plugin {name} is not {wanted} in {', '.join(failed)}")
