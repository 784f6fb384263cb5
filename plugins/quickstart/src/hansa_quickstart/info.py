"""`hansa info`: what a component is, whether it runs, and what the system knows of its process."""

from __future__ import annotations

import datetime
import json
import socket
import textwrap
from typing import Any

from .component import QUICKSTART, Component

Facts = dict[str, Any]


def info(component: Component) -> Facts:
    """The facts about a component, by name; for a quickstart cluster those of each component."""
    if component.kind == QUICKSTART:
        return {part.folder.name: info(part) for part in component.parts}
    now = datetime.datetime.now().astimezone()
    pid = component.pid()
    host = socket.gethostname()
    return {
        "component_details": component.about,
        "component_full_path": str(component.folder),
        "component_host": f"{host}/{socket.getfqdn()}",
        "component_running": pid is not None,
        "current_time": now.replace(tzinfo=None).isoformat(),
        "current_time_utc": now.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(),
        **(_process(pid) if pid is not None else {}),
    }


def _process(pid: int) -> Facts:
    import psutil

    try:
        process = psutil.Process(pid)
        created = datetime.datetime.fromtimestamp(process.create_time()).astimezone()
        # Hansa's workers are Python too; engines beside them are not counted
        children = [child for child in process.children() if child.name().startswith("python")]
        every = [process, *process.children(recursive=True)]
        listening = {
            _address(found.laddr)
            for each in every
            for found in each.net_connections("tcp")
            if found.status == psutil.CONN_LISTEN
        }
        return {
            "master_proc_connections": sorted(listening),
            "master_proc_create_time": created.replace(tzinfo=None).isoformat(),
            "master_proc_create_time_utc": created.astimezone(datetime.UTC).isoformat(),
            "master_proc_name": process.name(),
            "master_proc_pid": pid,
            "master_proc_username": process.username(),
            "master_proc_workers_no": len(children),
            "master_proc_workers_pids": sorted(child.pid for child in children),
        }
    except psutil.Error:  # it ended in between, or belongs to another user
        return {}


def _address(found: Any) -> str:
    return f"[{found.ip}]:{found.port}" if ":" in found.ip else f"{found.ip}:{found.port}"


def render(facts: Facts, format: str, widths: tuple[int, int]) -> str:
    """The facts as text, JSON or YAML; `widths` are those of the table's columns, in characters."""
    if format == "json":
        return json.dumps(facts, indent=2)
    if format == "yaml":
        import yaml

        return str(yaml.safe_dump(facts, sort_keys=False)).rstrip()
    if facts and all(
        isinstance(value, dict) and "component_full_path" in value for value in facts.values()
    ):
        return "\n".join(f"{name}\n{table(inner, widths)}" for name, inner in facts.items())
    return table(facts, widths)


def table(facts: Facts, widths: tuple[int, int]) -> str:
    """Two columns, Key and Value, with lines between the rows."""

    def border(mark: str) -> str:
        return "+" + "+".join(mark * (width + 2) for width in widths) + "+"

    def row(*cells: str) -> list[str]:
        wrapped = [
            textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)
        ]
        height = max(map(len, wrapped))
        columns = [column + [""] * (height - len(column)) for column in wrapped]
        return [
            "| "
            + " | ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True))
            + " |"
            for parts in zip(*columns, strict=True)
        ]

    lines = [border("-"), *row("Key", "Value"), border("=")]
    for key, value in facts.items():
        text = (
            value
            if isinstance(value, str)
            else str(value)
            if isinstance(value, bool)
            else json.dumps(value)
        )
        lines += [*row(key, text), border("-")]
    return "\n".join(lines)
