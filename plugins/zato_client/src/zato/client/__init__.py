"""The clients, under the path that they have in Zato."""

from hansa_zato_client import *  # noqa: F403 (its list is this module's)
from hansa_zato_client import __all__  # noqa: F401 (the names of this module)
