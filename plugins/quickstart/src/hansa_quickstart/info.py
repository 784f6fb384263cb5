"""`hansa info`: what a component is, whether it runs, and what the system knows about its process."""

from __future__ import annotations

import datetime
import json
import socket
from typing import Any, TypeAlias

from .component import Component
from .table import render_table

Facts: TypeAlias = dict[str, Any]
"""Facts by name: strings, numbers, lists, or facts about a component."""


def facts_about(component: Component) -> Facts:
    """Return the facts about a component; for a quickstart cluster, those about each component."""
    if component.is_cluster:
        return {part.folder.name: facts_about(part) for part in component.parts}
    now = datetime.datetime.now().astimezone()
    pid = component.pid()
    process = {} if pid is None else _facts_about_process(pid)
    return {
        "component_details": component.about,
        "component_full_path": str(component.folder),
        "component_host": f"{socket.gethostname()}/{socket.getfqdn()}",
        "component_running": pid is not None,
        "current_time": _local(now),
        "current_time_utc": _local(now.astimezone(datetime.UTC)),
        **process,
    }


def _local(moment: datetime.datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def _facts_about_process(pid: int) -> Facts:
    import psutil

    try:
        process = psutil.Process(pid)
        created = datetime.datetime.fromtimestamp(process.create_time()).astimezone()
        workers = [child for child in process.children() if child.name() == "hansa-worker"]
        listening = {
            _host_and_port(connection.laddr.ip, connection.laddr.port)
            for each in [process, *process.children(recursive=True)]
            for connection in each.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        return {
            "master_proc_connections": sorted(listening),
            "master_proc_create_time": _local(created),
            "master_proc_create_time_utc": created.astimezone(datetime.UTC).isoformat(),
            "master_proc_name": process.name(),
            "master_proc_pid": pid,
            "master_proc_username": process.username(),
            "master_proc_workers_no": len(workers),
            "master_proc_workers_pids": sorted(worker.pid for worker in workers),
        }
    except psutil.Error:  # it has just ended, or belongs to another user
        return {}


def _host_and_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def render(facts: Facts, format: str, widths: tuple[int, int]) -> str:
    """Return the facts as `text`, `json` or `yaml`.

    `widths` are those of the columns of the table that is the text, in characters.
    """
    if format == "json":
        return json.dumps(facts, indent=2)
    if format == "yaml":
        import yaml

        return str(yaml.safe_dump(facts, sort_keys=False)).rstrip()
    if _is_about_cluster(facts):
        tables = [f"{name}\n{render_table(inner, widths)}" for name, inner in facts.items()]
        return "\n".join(tables)
    return render_table(facts, widths)


def _is_about_cluster(facts: Facts) -> bool:
    return bool(facts) and all(
        isinstance(value, dict) and "component_full_path" in value for value in facts.values()
    )
