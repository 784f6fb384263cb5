"""In which state HAProxy begins with its servers: a server gets no request before a check has found
it ready.

HAProxy itself takes every server for ready until checks have failed. A file of states (its
management guide, "server-state-file") says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection

from .generate import BACKEND
from .settings import LoadBalancerSection, split_address

_HEADER = (
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
    "srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
)
_DOWN = 0
_UP = 2
_NO_RESULT = 1
"""The status of a check that has no result yet (HAProxy's HCHK_STATUS_INI)."""
_CHECKED = 6
"""The state of a check that is configured and goes on."""


def server_states(section: LoadBalancerSection, ready: Collection[str] = ()) -> str:
    """Return the content of the file: servers named in `ready` are up, all others are down."""
    lines = []
    for server in section.servers:
        up = server.name in ready
        state = _UP if up else _DOWN
        # a check that fails takes from the health, at 0 the server is down
        health = section.health.rise + section.health.fall - 1 if up else 0
        _, port = split_address(server.address)
        tls = int(bool(section.server_ca))
        place = f"0 {BACKEND} 0 {server.name} -"
        check = f"{_NO_RESULT} 0 {health} {_CHECKED}"
        lines.append(f"{place} {state} 0 1 1 0 {check} 0 0 0 - {port} - {tls} 0 - - 0\n")
    return _HEADER + "".join(lines)
