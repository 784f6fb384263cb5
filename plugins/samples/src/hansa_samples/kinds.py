"""The kind `sampling`: a definition for each service that is sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Definition

from .settings import SamplingSettings

if TYPE_CHECKING:
    from .sampler import Sampler


class Sampling(Definition[SamplingSettings]):
    """Samples of the service that the definition is named after."""

    kind = "sampling"
    type = "sampling"

    def start(self) -> None:
        """Sample the service in this worker."""
        self._sampler().switchboard.put(self.name, self, self.config)

    def withdrawn(self) -> None:
        """Sample it no more, unless another definition took the place of this one."""
        self._sampler().switchboard.drop(self.name, self)

    def _sampler(self) -> Sampler:
        # the command line knows this kind, too, and has no use for what samples
        from .sampler import Sampler

        return self.server.resource(Sampler)
