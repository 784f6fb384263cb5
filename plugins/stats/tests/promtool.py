"""What the checker that comes with Prometheus has to say of metrics."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hansa_devkit.servers import WITHOUT_VARIABLE

NAME = "promtool"


def faults_in(text: str) -> str:
    """Return what promtool cannot read in metrics, and what it finds bad style; empty if nothing."""
    if shutil.which(NAME) is None:
        if NAME in os.environ.get(WITHOUT_VARIABLE, "").split(","):
            pytest.skip(f"{WITHOUT_VARIABLE} leaves out {NAME}")
        pytest.fail(f"{NAME} is not here: apt-get install prometheus")
    done = subprocess.run(
        [NAME, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    said = f"{done.stdout}{done.stderr}".strip()
    return said or ("" if done.returncode == 0 else f"{NAME} ended with {done.returncode}")
