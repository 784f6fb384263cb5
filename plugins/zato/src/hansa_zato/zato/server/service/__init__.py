"""What services import first: `Service`, the types of SimpleIO, dataclass models, constants."""

from __future__ import annotations

from dataclasses import dataclass

from hansa_zato.constants import CHANNEL, DATA_FORMAT
from hansa_zato.dialect.adapters import RESTAdapter, WSXAdapter
from hansa_zato.dialect.channel import ChannelInfo
from hansa_zato.dialect.exceptions import ZatoException
from hansa_zato.dialect.service import Service
from hansa_zato.pubsub_hook import PubSubHook
from hansa_zato.sio.models import Model
from hansa_zato.sio.structures import CSV, Dict, List, ListOfDicts, Opaque
from hansa_zato.sio.types import (
    UTC,
    UUID,
    AsIs,
    Boolean as Bool,
    Date,
    DateTime,
    Decimal,
    Float,
    ForceType,
    Hidden as Secret,
    Integer as Int,
    Text,
)
from hansa_zato.wsx_hook import WSXHook

Boolean = Bool
Integer = Int
Unicode = Text
Nested = Opaque
DictList = ListOfDicts

__all__ = [
    "CHANNEL",
    "CSV",
    "DATA_FORMAT",
    "UTC",
    "UUID",
    "AsIs",
    "Bool",
    "Boolean",
    "ChannelInfo",
    "Date",
    "DateTime",
    "Decimal",
    "Dict",
    "DictList",
    "Float",
    "ForceType",
    "Int",
    "Integer",
    "List",
    "ListOfDicts",
    "Model",
    "Nested",
    "Opaque",
    "PubSubHook",
    "RESTAdapter",
    "Secret",
    "Service",
    "Text",
    "Unicode",
    "WSXAdapter",
    "WSXHook",
    "ZatoException",
    "dataclass",
]
