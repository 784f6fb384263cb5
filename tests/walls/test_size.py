"""How large core may be: 3,000 lines of code in all, 400 a file; and no source line wider than the agreed width."""

from __future__ import annotations

import re
from pathlib import Path

from tools.project import TOP, core, lines_of_code, plugins


def test_core_keeps_its_budget():
    sizes = {
        file: lines_of_code(file) for file in core().sources() if "migrations" not in file.parts
    }
    assert len(sizes) > 10
    assert sum(sizes.values()) <= 3000, sum(sizes.values())


def test_no_file_is_over_400_lines_of_code():
    files = [file for package in [core(), *plugins()] for file in package.sources()]
    long = {
        str(file.relative_to(TOP)): size for file in files if (size := lines_of_code(file)) > 400
    }
    assert not long


def test_a_connector_is_small():
    """What connectors share is in hansa-connect, so that each of them is at most 200 lines."""
    connectors = [
        one
        for one in plugins()
        if "hansa-connect" in one.requires or one.name == "hansa-soap-client"
    ]
    sizes = {one.name: sum(map(lines_of_code, one.sources())) for one in connectors}
    assert len(sizes) >= 6 and max(sizes.values()) <= 200, sizes


def test_nothing_is_kept_out_of_the_formatter():
    """The budget is one of formatted lines."""
    files = [file for package in [core(), *plugins()] for file in package.sources()]
    marked = [
        str(file.relative_to(TOP))
        for file in files
        if re.search(r"#\s*fmt:\s*(off|skip)", file.read_text())
    ]
    assert not marked


def test_what_counts_as_code(tmp_path: Path):
    source = tmp_path / "counted.py"
    source.write_text(
        '"""Docstring\nof two lines."""\n\n# comment\n\ndef f():\n    """One."""\n    return """a\nb"""  # code\n'
    )
    assert lines_of_code(source) == 3
