"""The channel mllp: receives messages, and acknowledges each once its service has handled it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable

from hansa import Channel, HansaError, Invalid, Request, Response, new_cid, problem
from hansa_connect.tls import definitions_of, present, resolved

from .acknowledgement import Verdict, acknowledge, code_for
from .framing import FrameReader, frame, is_framable
from .header import Header, read_header
from .listener import Listener
from .refusals import FrameTooLarge, FramingFault
from .sequence import Judgement, Sequences
from .settings import ReceivingSettings

SERVER_FAULT = 500
"""The status from which on an error is not the sender's."""


class MllpChannel(Channel[ReceivingSettings]):
    """Receives HL7 messages over MLLP, at one port of each server, from many senders at a time.

    A message is acknowledged (AA) once its service has handled it; one that its service rejects as
    invalid is refused (AE), and one that fails for another reason is refused so that the sender may
    send it again (AR). Messages of one connection are handled in their order.
    """

    type = "mllp"
    placement = "server"  # one worker has the port
    exclusive = True  # the old object lets the port go before the new one takes it
    delivery = "at_least_once"

    _listener: Listener | None = None

    @classmethod
    def claims(cls, config: ReceivingSettings) -> Iterable[str]:
        """Return the address, which only one channel may have."""
        return [f"{config.host}:{config.port}"]

    @classmethod
    def logins(cls, config: ReceivingSettings) -> Iterable[str]:
        """Return the security definitions of TLS."""
        return definitions_of(config)

    def start(self) -> None:
        """Take the port and begin to receive; raises `Unavailable`."""
        config = self.config
        self.received = 0
        self._sequences = Sequences(self.server, f"{self.kind} {self.type} {self.name}")
        listener = Listener(
            self.name,
            (config.host, config.port),
            self._serve,
            most=config.max_connections,
            timeout=config.timeout,
            context=self._context(),
        )
        self._listener = listener
        listener.start()

    def stop(self) -> None:
        """Take nothing new, have messages in hand handled and acknowledged, and let the port go."""
        listener = self._listener
        self._listener = None
        if listener is not None:
            listener.stop(self.server.grace)

    def ping(self) -> str:
        """Return how many connections are open, and how many messages came."""
        connections = 0 if self._listener is None else self._listener.connections
        where = f"{self.config.host}:{self.config.port}"
        return f"listens at {where}: {connections} connections, {self.received} messages received"

    def _context(self) -> ssl.SSLContext | None:
        """Return what speaks TLS; with `tls_ca`, clients must show a certificate."""
        if not self.config.tls:
            return None
        config = resolved(self.config, self.server.objects)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        present(context, config)
        if config.tls_ca:
            context.load_verify_locations(config.tls_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    # -- one connection ----------------------------------------------------------------------------

    def _serve(self, connection: socket.socket, peer: str) -> None:
        """Handle the messages of a connection, one after the other, until it ends."""
        config = self.config
        listener = self._listener
        frames = FrameReader(connection, config.max_body)
        certificates = _certificates(connection)
        while listener is not None and not listener.stopping:
            try:
                raw = frames.read(config.idle_timeout, config.timeout)
                if raw is None:
                    return
                answer = self._answer(Request(raw, peer=peer, certificates=certificates))
            except FrameTooLarge as error:
                self.log.warning("%s: %s; the connection is closed", peer, error)
                self._reply(connection, _refusal_of(error))
                return
            except FramingFault as error:
                self.log.warning("%s: %s; the connection is closed", peer, error)
                return
            if answer:
                self._reply(connection, answer)

    def _reply(self, connection: socket.socket, answer: bytes) -> None:
        connection.settimeout(self.config.timeout)
        connection.sendall(frame(answer))

    # -- one message -------------------------------------------------------------------------------

    def _answer(self, request: Request) -> bytes:
        """Have a message handled; returns the answer, empty if the sender wants none."""
        self.received += 1
        try:
            header = read_header(request.raw)
        except Invalid as error:
            request.fault = error
            response = self.dispatch(request)
            return acknowledge(None, "AR", request.cid, _text(response, request.cid))
        request.headers = _headers(header)
        if not self.config.sequence:
            return self._handled(request, header, None)
        with self._sequences.lock(header):
            return self._in_sequence(request, header)

    def _in_sequence(self, request: Request, header: Header) -> bytes:
        found = self._sequences.judge(header)
        if found.step == "handle":
            return self._handled(request, header, found)
        if found.step == "refuse":
            self.log.warning("message %s is refused: %s", header.control_id, found.fault)
            return acknowledge(header, "AR", request.cid, found.fault, found.expected)
        code = code_for(header, "done")
        return acknowledge(header, code, request.cid, "", found.expected) if code else b""

    def _handled(self, request: Request, header: Header, judgement: Judgement | None) -> bytes:
        response = self.dispatch(request)
        verdict = response.outcome
        expected = None
        if judgement is not None:
            expected = judgement.expected
            if verdict == "retry":
                expected = int(header.field(13))
            else:
                self._sequences.settle(header)
        return self._told(header, verdict, response, expected)

    def _told(
        self, header: Header, verdict: Verdict, response: Response, expected: int | None
    ) -> bytes:
        code = code_for(header, verdict)
        if not code:
            return b""
        own = response.raw if verdict == "done" else b""
        if own.startswith(b"MSH"):
            if is_framable(own):
                return own
            self.log.error("the answer to %s has control characters", header.control_id)
        text = "" if verdict == "done" else _text(response, response.cid)
        return acknowledge(header, code, response.cid or new_cid(), text, expected)


def _headers(header: Header) -> dict[str, str]:
    """Return what a service gets of the header, if it reads no more of the message."""
    return {
        "hl7-control-id": header.control_id,
        "hl7-message-type": header.message_type,
        "hl7-version": header.component(12, 1),
    }


def _text(response: Response, cid: str) -> str:
    """Return what a sender reads of a failure: of one that is not its own, no more than the kind."""
    error = response.error or HansaError()
    found = problem(error, cid)
    is_own = isinstance(error, HansaError) and error.status < SERVER_FAULT
    return f"{found['detail' if is_own else 'title']} (cid {cid})"


def _refusal_of(error: FrameTooLarge) -> bytes:
    """Return the answer to a message that is not read to its end."""
    try:
        header = read_header(error.head)
    except Invalid:
        return acknowledge(None, "AR", new_cid(), str(error))
    return acknowledge(header, code_for(header, "reject") or "AE", new_cid(), str(error))


def _certificates(connection: socket.socket) -> tuple[bytes, ...]:
    """Return the client certificate that a connection has shown and OpenSSL has verified."""
    if not isinstance(connection, ssl.SSLSocket):
        return ()
    shown = connection.getpeercert(binary_form=True)
    return (shown,) if shown else ()
