"""Hansa: an integration server whose every protocol, format and mechanism is a plugin. This root is the public contract."""

from . import errors, hookspecs, kinds, logs, message, plugins, processes, service, settings
from .errors import *
from .hookspecs import *
from .kinds import *
from .logs import *
from .message import *
from .plugins import *
from .processes import *
from .service import *
from .settings import *

__all__ = errors.__all__ + hookspecs.__all__ + kinds.__all__ + message.__all__ + processes.__all__
__all__ += logs.__all__ + plugins.__all__ + service.__all__ + settings.__all__
