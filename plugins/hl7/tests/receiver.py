"""A receiver of messages over MLLP that is not ours: `LIBRARY PORT [CERTIFICATE]`.

LIBRARY is `hl7`, whose server keeps connections open, or `hl7apy`, whose server ends each after its
answer. ZZZ-1 of a message says what becomes of it: `refuse:CODE`, `silent`, `close`, `other` (the
answer is for another message), `nonsense`, `twice`; anything else is accepted.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import hl7
from hl7.mllp import start_hl7_server
from hl7apy.mllp import AbstractErrorHandler, MLLPServer


def answer(text: str) -> list[str]:
    """Return the answers to a message."""
    message = hl7.parse(text)
    asked = str(message.segment("ZZZ")[1]) if "\rZZZ" in text else ""
    code = asked.partition(":")[2] if asked.startswith("refuse:") else "AA"
    made = message.create_ack(code)
    if asked == "other":
        made["MSA.2"] = "another"
    if code != "AA":
        made["MSA.3"] = "patient Ada Lovelace is not known at http://10.0.0.1/"
    if asked == "nonsense":
        return ["hello"]
    if asked == "silent":
        return []
    return [str(made)] * (2 if asked == "twice" else 1)


async def serve(reader, writer) -> None:
    try:
        while True:
            block = (await reader.readblock()).decode()
            if "|close" in block:
                break
            for text in answer(block):
                writer.writeblock(text.encode())
            await writer.drain()
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


async def run(port: int, certificate: str) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await start_hl7_server(serve, "127.0.0.1", port, limit=2**24, ssl=context)
    await server.serve_forever()


class Handler(AbstractErrorHandler):
    """Answers all messages, of whatever type."""

    def reply(self) -> str:
        return "".join(f"\x0b{text}\x1c\r" for text in answer(self.incoming_message))


if __name__ == "__main__":
    if sys.argv[1] == "hl7":
        asyncio.run(run(int(sys.argv[2]), "".join(sys.argv[3:])))
    else:
        MLLPServer("127.0.0.1", int(sys.argv[2]), {"ERR": (Handler,)}).serve_forever()
