"""Hansa: an integration server whose every protocol, format and mechanism is a plugin. This root is
the public contract.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cluster.file_records import FileRecords as FileRecords
    from .cluster.membership import Holder as Holder, name_lease as name_lease
    from .cluster.odb_watch import check_odb as check_odb
    from .contract.bus import Bus as Bus, Queue as Queue, Records as Records
    from .contract.caller import current_caller as current_caller
    from .contract.calls import QueueOptions as QueueOptions, RouteOptions as RouteOptions
    from .contract.change_log import ChangeFilter as ChangeFilter, LoggedChange as LoggedChange
    from .contract.engine import Engine as Engine
    from .contract.examination import (
        Examination as Examination,
        ExaminedServer as ExaminedServer,
        Finding as Finding,
    )
    from .contract.hookspecs import hookimpl as hookimpl
    from .contract.journal import Journal as Journal, JournalRecord as JournalRecord
    from .contract.kinds import (
        Channel as Channel,
        ChannelSettings as ChannelSettings,
        ConfigT as ConfigT,
        Definition as Definition,
        DefinitionSettings as DefinitionSettings,
        Dispatch as Dispatch,
        Format as Format,
        Guarantee as Guarantee,
        NoSettings as NoSettings,
        Outgoing as Outgoing,
        Security as Security,
        lease_name as lease_name,
    )
    from .contract.login import Login as Login
    from .contract.message import Request as Request, Response as Response, new_cid as new_cid
    from .contract.outgoing_request import (
        Handshake as Handshake,
        OutgoingRequest as OutgoingRequest,
    )
    from .contract.packages import PackageVersion as PackageVersion
    from .contract.parameters import typed_parameters as typed_parameters
    from .contract.records import (
        Applied as Applied,
        DefinitionRecord as DefinitionRecord,
        DeployedPackage as DeployedPackage,
        Deployment as Deployment,
        Edit as Edit,
        HeldLease as HeldLease,
        InstalledPlugin as InstalledPlugin,
        Key as Key,
        ObjectState as ObjectState,
        PlainSettings as PlainSettings,
        Reference as Reference,
        StoredChange as StoredChange,
        WorkerReport as WorkerReport,
        label as label,
    )
    from .contract.registry import (
        RegisteredFormat as RegisteredFormat,
        RegisteredService as RegisteredService,
        RegisteredType as RegisteredType,
        Registry as Registry,
    )
    from .contract.server import (
        Cluster as Cluster,
        Configuration as Configuration,
        Definitions as Definitions,
        Objects as Objects,
        OutgoingConnections as OutgoingConnections,
        Packages as Packages,
        Plugins as Plugins,
        Server as Server,
    )
    from .contract.service import (
        Binding as Binding,
        Service as Service,
        automatic_name as automatic_name,
        current_cid as current_cid,
        current_service as current_service,
    )
    from .contract.trace import (
        TraceContext as TraceContext,
        current_trace as current_trace,
        trace_headers as trace_headers,
    )
    from .contract.worker_answer import WorkerAnswer as WorkerAnswer
    from .definitions.references import references as references
    from .foundation.backoff import Restarts as Restarts, backoff_delay as backoff_delay
    from .foundation.deadline import (
        call_within as call_within,
        deadline as deadline,
        look_up_host as look_up_host,
        time_left as time_left,
    )
    from .foundation.errors import (
        Conflict as Conflict,
        Forbidden as Forbidden,
        HansaError as HansaError,
        Inactive as Inactive,
        Invalid as Invalid,
        MissingModule as MissingModule,
        Misused as Misused,
        NotAllowed as NotAllowed,
        NotFound as NotFound,
        OtherWriter as OtherWriter,
        Outcome as Outcome,
        Refused as Refused,
        ResultTooLarge as ResultTooLarge,
        TimedOut as TimedOut,
        TooLarge as TooLarge,
        TooMany as TooMany,
        Unavailable as Unavailable,
        Undefined as Undefined,
        problem as problem,
    )
    from .foundation.event_loop import event_loop as event_loop
    from .foundation.files import StatusFile as StatusFile, replace_file as replace_file
    from .foundation.flushing import PeriodicFlush as PeriodicFlush
    from .foundation.masking import mask_secrets as mask_secrets
    from .foundation.output import print_lines as print_lines
    from .foundation.processes import started_at as started_at
    from .odb.copying import (
        OdbRow as OdbRow,
        OdbSnapshot as OdbSnapshot,
        empty_odb as empty_odb,
        read_odb as read_odb,
        write_odb as write_odb,
    )
    from .odb.key_file import KeyFile as KeyFile
    from .odb.migrations.schema import prepare_odb as prepare_odb
    from .plugins.check import check_plugins as check_plugins
    from .plugins.early_hooks import early_hooks as early_hooks
    from .process.children import spawn as spawn
    from .process.logs import (
        LogFile as LogFile,
        rotate_log as rotate_log,
        rotate_output as rotate_output,
    )
    from .runtime.offline import block_offline as block_offline
    from .settings.faults import decode_hook as decode_hook, explain as explain
    from .settings.integral import with_integers as with_integers
    from .settings.model import (
        Field as Field,
        Model as Model,
        PassedObject as PassedObject,
        Secret as Secret,
        fields as fields,
        setting as setting,
    )
    from .settings.resolve import (
        has_reference as has_reference,
        is_reference as is_reference,
        resolve as resolve,
    )
    from .settings.rules import rule_checker as rule_checker
    from .settings.schema import schema as schema, schema_components as schema_components
    from .settings.validate import (
        dump as dump,
        learn as learn,
        load as load,
        load_pydantic as load_pydantic,
    )

_PUBLIC = {
    "cluster.file_records": ("FileRecords",),
    "cluster.membership": (
        "Holder",
        "name_lease",
    ),
    "cluster.odb_watch": ("check_odb",),
    "contract.bus": (
        "Bus",
        "Queue",
        "Records",
    ),
    "contract.calls": (
        "QueueOptions",
        "RouteOptions",
    ),
    "contract.caller": ("current_caller",),
    "contract.change_log": (
        "ChangeFilter",
        "LoggedChange",
    ),
    "contract.engine": ("Engine",),
    "contract.examination": (
        "ExaminedServer",
        "Examination",
        "Finding",
    ),
    "contract.hookspecs": ("hookimpl",),
    "contract.journal": (
        "Journal",
        "JournalRecord",
    ),
    "contract.kinds": (
        "Channel",
        "ChannelSettings",
        "ConfigT",
        "Definition",
        "DefinitionSettings",
        "Dispatch",
        "Format",
        "Guarantee",
        "NoSettings",
        "Outgoing",
        "Security",
        "lease_name",
    ),
    "contract.login": ("Login",),
    "contract.message": (
        "Request",
        "Response",
        "new_cid",
    ),
    "contract.outgoing_request": (
        "Handshake",
        "OutgoingRequest",
    ),
    "contract.packages": ("PackageVersion",),
    "contract.parameters": ("typed_parameters",),
    "contract.records": (
        "Applied",
        "DefinitionRecord",
        "DeployedPackage",
        "Deployment",
        "Edit",
        "HeldLease",
        "InstalledPlugin",
        "Key",
        "ObjectState",
        "PlainSettings",
        "Reference",
        "StoredChange",
        "WorkerReport",
        "label",
    ),
    "contract.registry": (
        "RegisteredFormat",
        "RegisteredService",
        "RegisteredType",
        "Registry",
    ),
    "contract.server": (
        "Cluster",
        "Configuration",
        "Definitions",
        "Objects",
        "OutgoingConnections",
        "Packages",
        "Plugins",
        "Server",
    ),
    "contract.service": (
        "Binding",
        "Service",
        "automatic_name",
        "current_cid",
        "current_service",
    ),
    "contract.trace": (
        "TraceContext",
        "current_trace",
        "trace_headers",
    ),
    "contract.worker_answer": ("WorkerAnswer",),
    "definitions.references": ("references",),
    "foundation.backoff": (
        "Restarts",
        "backoff_delay",
    ),
    "foundation.deadline": (
        "call_within",
        "deadline",
        "look_up_host",
        "time_left",
    ),
    "foundation.errors": (
        "Conflict",
        "Forbidden",
        "HansaError",
        "Inactive",
        "Invalid",
        "MissingModule",
        "Misused",
        "NotAllowed",
        "NotFound",
        "OtherWriter",
        "Outcome",
        "Refused",
        "ResultTooLarge",
        "TimedOut",
        "TooLarge",
        "TooMany",
        "Unavailable",
        "Undefined",
        "problem",
    ),
    "foundation.event_loop": ("event_loop",),
    "foundation.files": (
        "StatusFile",
        "replace_file",
    ),
    "foundation.flushing": ("PeriodicFlush",),
    "foundation.masking": ("mask_secrets",),
    "foundation.output": ("print_lines",),
    "foundation.processes": ("started_at",),
    "odb.copying": (
        "OdbRow",
        "OdbSnapshot",
        "empty_odb",
        "read_odb",
        "write_odb",
    ),
    "odb.key_file": ("KeyFile",),
    "odb.migrations.schema": ("prepare_odb",),
    "plugins.check": ("check_plugins",),
    "plugins.early_hooks": ("early_hooks",),
    "process.children": ("spawn",),
    "process.logs": (
        "LogFile",
        "rotate_log",
        "rotate_output",
    ),
    "runtime.offline": ("block_offline",),
    "settings.faults": (
        "decode_hook",
        "explain",
    ),
    "settings.integral": ("with_integers",),
    "settings.model": (
        "Field",
        "Model",
        "PassedObject",
        "Secret",
        "fields",
        "setting",
    ),
    "settings.resolve": (
        "has_reference",
        "is_reference",
        "resolve",
    ),
    "settings.rules": ("rule_checker",),
    "settings.schema": (
        "schema",
        "schema_components",
    ),
    "settings.validate": (
        "dump",
        "learn",
        "load",
        "load_pydantic",
    ),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the program `hansa` begins without any of
    them.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value
