"""Samplings hold the contract of all types."""

from __future__ import annotations

from typing import cast

import pytest
from hansa import Server
from hansa_devkit.contract import Contract
from hansa_samples.kinds import Sampling
from hansa_samples.sampler import Sampler


class TestSampling(Contract):
    cls = Sampling
    good = {
        "every": 100,
        "slower_than": 250.5,
        "errors": True,
        "until": "2030-01-01T00:00:00Z",
        "masks": ["card.number"],
    }

    @pytest.fixture(autouse=True)
    def _sampler(self) -> None:
        """Have the plugin begin, whose thread goes on when a sampling stops."""
        cast(Server, self.server).resource(Sampler)
