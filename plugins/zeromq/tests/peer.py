"""The other side in a process of its own: prints what it pulls, or sends numbered messages until it
is ended.
"""

from __future__ import annotations

import sys

import zmq


def pull(address: str) -> None:
    socket = zmq.Context().socket(zmq.PULL)
    socket.bind(address)
    print("ready", flush=True)
    while True:
        print(socket.recv().decode(), flush=True)


def push(address: str) -> None:
    socket = zmq.Context().socket(zmq.PUSH)
    socket.connect(address)
    print("ready", flush=True)
    for number in range(10**9):
        socket.send(b"%d" % number)


def answer(address: str) -> None:
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.bind(address)
    print("ready", flush=True)
    while True:
        *who, question = socket.recv_multipart()
        if question != b"silence":
            socket.send_multipart([*who, question.upper()])


if __name__ == "__main__":
    {"pull": pull, "push": push, "answer": answer}[sys.argv[1]](sys.argv[2])
