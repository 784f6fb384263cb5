"""Turning new connections away in the kernel, before a listening socket is closed."""

from __future__ import annotations

import ctypes
import socket
import struct

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux
_FLAGS = 13  # where a TCP header has its flags
_SYN = 0x02
_ACK = 0x10
_LOAD_BYTE = 0x30
_AND = 0x54
_JUMP_IF_EQUAL = 0x15
_RETURN = 0x06
_WHOLE_PACKET = 0xFFFFFFFF

# a BPF program over a packet that begins with its TCP header: code, jump if true, jump if false,
# operand
_PROGRAM = (
    (_LOAD_BYTE, 0, 0, _FLAGS),
    (_AND, 0, 0, _SYN | _ACK),
    (_JUMP_IF_EQUAL, 0, 1, _SYN),  # a first packet has SYN and not ACK
    (_RETURN, 0, 0, 0),  # it is dropped
    (_RETURN, 0, 0, _WHOLE_PACKET),  # others are kept
)


def turn_away(listening: socket.socket) -> None:
    """Have the kernel ignore new connections where it can (Linux): callers repeat, and are refused
    once the socket is closed.

    Without it, a connection that is made between the last accept and the close would be reset. Only
    the first packet of a connection is ignored: a caller whose connection is being made believes
    after the second that there is one, and would be reset.
    """
    code = b"".join(struct.pack("HBBI", *step) for step in _PROGRAM)
    program = ctypes.create_string_buffer(code)
    descriptor = struct.pack("HL", len(_PROGRAM), ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, descriptor)
    except OSError:
        pass
