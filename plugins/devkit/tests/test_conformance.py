"""Each check of the conformance kit can fail: types with one defect fail exactly the checks that
they must.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hansa_devkit import ChannelContract, FormatContract, OutgoingContract, SecurityContract

# the first test waits for all the runs of the kit
pytestmark = pytest.mark.timeout(900)

BROKEN = Path(__file__).parent / "broken"
TRANSPORTS = "broken_transports"
MODULES = (TRANSPORTS, "broken_formats", "broken_security")


def expectations() -> dict[str, set[str]]:
    """Test classes in the folder `broken`, and the checks that each names in `fails`."""
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for node in ast.parse((BROKEN / f"{module}.py").read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                found[node.name] = {
                    name
                    for name in map(str_of, ast.walk(fails_of(node)))
                    if name.startswith("test_")
                }
    return found


def fails_of(node: ast.ClassDef) -> ast.AST:
    """The expression given to `fails`."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if getattr(target, "id", "") == "fails":
                return statement.value
            if isinstance(target, ast.Tuple) and getattr(target.elts[-1], "id", "") == "fails":
                assert isinstance(statement.value, ast.Tuple)
                return statement.value.elts[-1]
    raise AssertionError(f"{node.name} says nothing of what fails")


def str_of(node: ast.AST) -> str:
    value = getattr(node, "value", "")
    return value if isinstance(value, str) else ""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, dict[str, str]]:
    """Class -> check -> passed, failed or skipped, from runs of pytest over all broken types."""
    folder = tmp_path_factory.mktemp("reports")
    others = [module for module in MODULES if module != TRANSPORTS]
    # transports wait a lot
    runs = {
        "transports.xml": start([TRANSPORTS], folder / "transports.xml", "-n", "4"),
        "others.xml": start(others, folder / "others.xml"),
    }
    found: dict[str, dict[str, str]] = {}
    for report, run in runs.items():
        output, _ = run.communicate(timeout=800)
        assert run.returncode == 1, output[-3000:]
        for case in ElementTree.parse(folder / report).iter("testcase"):
            outcome = next(
                (child.tag for child in case if child.tag in ("failure", "error", "skipped")),
                "passed",
            )
            found.setdefault(case.attrib["classname"].rpartition(".")[2], {})[
                case.attrib["name"]
            ] = outcome
    return found


def start(modules: list[str], report: Path, *options: str) -> subprocess.Popen[str]:
    """Run pytest over modules of broken types."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    command += ["--import-mode=prepend", f"--junitxml={report}", "--hypothesis-profile=counting"]
    return subprocess.Popen(
        [*command, *(f"{module}.py" for module in modules)],
        cwd=BROKEN,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", sorted(expectations()))
def test_a_defect_fails_exactly_its_checks(name, results):
    failed = {check for check, outcome in results[name].items() if outcome in ("failure", "error")}
    assert failed == expectations()[name]


@pytest.mark.parametrize(
    "contract", [ChannelContract, OutgoingContract, FormatContract, SecurityContract]
)
def test_each_check_is_failed_by_some_defect(contract, results):
    checks = {name for name in dir(contract) if name.startswith("test_")}
    ran = {check for outcomes in results.values() for check in outcomes}
    assert checks <= ran
    assert checks <= set().union(*expectations().values())


def test_sound_types_skip_nothing(results):
    for name in ("TestSound", "TestSoundChannel", "TestSoundFormat", "TestSoundSecurity"):
        assert set(results[name].values()) == {"passed"}
