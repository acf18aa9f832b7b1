"""Open a WebSocket, or say why not (RFC 6455, 4.2).

Knows: the fields of a handshake; origins, subprotocols, compression.
Does not know: what is said once it is open.
"""

from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidHandshake,
    InvalidOrigin,
    ProtocolError,
)
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from messages import HttpError

# The library's own: less memory for each connection, slightly longer data.
DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)
# What a client should ask for instead.
UPGRADE = {"upgrade": "websocket", "sec-websocket-version": "13"}
NO_UPGRADE = (
    "A WebSocket begins with the fields connection: upgrade and"
    " upgrade: websocket."
)


class Deflate(PerMessageDeflate):
    """Compression that must not end: zlib would keep all that comes after."""

    def decode(self, frame, **limits):
        decoded = super().decode(frame, **limits)
        if getattr(getattr(self, "decoder", None), "eof", False):
            raise ProtocolError("The compressed stream has ended.")
        return decoded


async def accept(request, **options):
    """Open a WebSocket, or answer with an error."""
    if hasattr(request.source, "accept_websocket"):
        return await request.source.accept_websocket(request, **options)
    core = protocol(request, **options)
    return establish(request, core, negotiate(request, core))


def protocol(request, origins, subprotocols, max_size, compress):
    """Return an object that knows the rules of WebSockets, and our own."""
    if isinstance(subprotocols, str):
        subprotocols = [subprotocols]
    return ServerProtocol(
        origins=allowed(request) if origins is None else listed(origins),
        extensions=[DEFLATE] if compress else [],
        subprotocols=list(subprotocols),
        select_subprotocol=select,
        max_size=max_size,
        state=OPEN,  # so that it reads frames from here on
    )


def negotiate(request, core):
    """Return the answer to a handshake, or raise."""
    if (request.method, request.version) != ("GET", "1.1"):
        raise HttpError(426, "A handshake is a GET in HTTP/1.1.", UPGRADE)
    answer = core.accept(Request(request.url, Headers(request.headers)))
    if answer.status_code == 426:
        raise HttpError(426, NO_UPGRADE, UPGRADE)
    if answer.status_code != 101:
        hints = UPGRADE if answer.status_code == 400 else {}
        raise HttpError(answer.status_code, f"{core.handshake_exc}.", hints)
    for extension in core.extensions:
        extension.__class__ = Deflate
    return answer


def agree(request, core):
    """Agree on a subprotocol alone, where the server does the rest."""
    fields = Headers(request.headers)
    try:
        core.process_origin(fields)
        core.subprotocol = core.process_subprotocol(fields)
    except InvalidHandshake as error:
        known = isinstance(error, InvalidOrigin)
        raise HttpError(403 if known else 400, f"{error}.") from error


def establish(request, core, answer):
    """Answer a handshake, and exchange messages from then on."""
    ready(request, request.source)
    ws = request.app.WebSocket(core, request.source.transport)
    ws.transport.resume_reading()  # paused if many requests came before
    request.source.hand_over(ws)
    ws.transport.write(answer.serialize())
    return ws


def ready(request, connection):
    """Refuse if more than a head came, or if we are stopping."""
    transport = getattr(connection, "transport", None)
    if not (transport and transport.get_extra_info("socket")):
        raise HttpError(501, "Here is no connection to hand over.")
    parser = connection.parser
    behind = parser.requests or parser.head or parser.error or parser.eof
    if behind or request.length or not request.complete:
        raise HttpError(400, "A handshake is a head, and nothing behind it.")
    if connection.stopping:
        raise HttpError(503)


def allowed(request):
    """Return the origins that are our own; only browsers name theirs.

    A proxy may have ended TLS, so without TLS here both schemes are ours.
    """
    secure = request.source.transport.get_extra_info("sslcontext")
    schemes = ["https"] if secure else ["https", "http"]
    return [None, *(f"{scheme}://{request.host}" for scheme in schemes)]


def listed(origins):
    origins = [origins] if isinstance(origins, str) else [*origins]
    return None if "*" in origins else [None, *origins]


def select(core, offered):
    """Return the first of our subprotocols that is offered, if one is."""
    ours = core.available_subprotocols
    return next((each for each in ours if each in offered), None)
