# Which modules the public contract consists of: type checkers read it, and __init__.py when the first name is asked for.

from .errors import *
from .hookspecs import *
from .kinds import *
from .logs import *
from .message import *
from .plugins import *
from .processes import *
from .service import *
from .settings import *
