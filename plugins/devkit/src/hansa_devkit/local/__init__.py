"""A server in one process, for tests: `LocalServer`, and `run_service`, which handles one message
with a service.
"""

from .run import run_service
from .server import Invocation, LocalServer

__all__ = ["Invocation", "LocalServer", "run_service"]
