"""A .proto becomes descriptors, in a process of its own: a fault is told by its line, and a crash of
the compiler harms nobody.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from hansa import HansaError, Invalid

from .settings import MessageSettings

NAME = "channel.proto"
"""What a .proto is called whose text is a setting."""
_is_warning = re.compile(r"[WI]\d{4} |.*\bwarning:", re.IGNORECASE).match
LIMIT = 30.0
"""Seconds that the compiler gets."""
MOST_FAULTS = 20


def compiled(config: MessageSettings) -> bytes:
    """Return the descriptors (FileDescriptorSet) of a .proto and of all that it imports; empty
    without one.

    Raises `Invalid` by the setting, with every fault that the compiler finds.
    """
    if config.proto:
        return _compile_text(config.proto)
    if config.proto_file:
        path = Path(config.proto_file).absolute()
        if not path.is_file():
            raise Invalid({"proto_file": f"there is no file {config.proto_file}"})
        return _compile(path, "proto_file")
    return b""


@lru_cache(maxsize=64)
def _compile_text(text: str) -> bytes:
    """Return the descriptors of a text, which imports only what protobuf itself declares."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_text(text, encoding="utf-8")
        return _compile(path, "proto")


def _compile(path: Path, setting: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "descriptors"
        command = [
            *(sys.executable, "-P", "-m", "grpc_tools.protoc"),
            f"--proto_path={path.parent}",
            f"--proto_path={_well_known()}",
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={found}",
            path.name,
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            raise Invalid({setting: f"takes longer than {LIMIT:g} s to compile"}) from None
        if done.returncode:
            raise Invalid({setting: _faults(done.stderr.replace(f"{path.parent}/", ""))})
        return found.read_bytes()


def _well_known() -> str:
    """Return the folder of what protobuf itself declares, such as google/protobuf/timestamp.proto."""
    spec = find_spec("grpc_tools")
    if spec is None or not spec.submodule_search_locations:
        raise HansaError("grpcio-tools is not installed")
    return str(Path(spec.submodule_search_locations[0]) / "_proto")


def _faults(text: str) -> str:
    """Return what the compiler said, without warnings."""
    lines = [line.strip() for line in text.splitlines()]
    faults = [line for line in lines if line and not _is_warning(line)]
    return "; ".join(faults[:MOST_FAULTS]) or "cannot be compiled"
