"""Serve what the wire rows ask for: the contract application of any step.

Knows: pico, as any of its users does.
Does not know: the wire.

    GET  /                      {"message":"Hello world"}
    GET  /hello/{name}          {"message":"Hello NAME"}
    GET  /slow                  "slow", after the loop turned a hundred times
    GET  /wait/{key}            "released", once it is released
    GET  /release/{key}         release it
    GET  /gone/{key}            "gone", once its handler has ended
    GET  /hurry                 the next head of this connection must hurry
    GET  /raise/{word}          raises an exception that says WORD
    GET  /logged/{word}         "yes" or "no": has the log said WORD?
    GET  /field/{name}          the value of a field of the request
    GET  /cookie/{name}         the value of a cookie of the request
    GET  /query                 the parameter q, or "no q"
    POST /echo                  the content
    POST /pour                  the content, streamed back as it arrives
    POST /unread                "unread": the content is never asked for
    POST /sum                   the header x-sum and the trailer x-sum
    GET  /status/{code}         an answer with this status
    GET  /set/field             sets the field `name` to `value` (query)
    GET  /set/cookie            sets the cookie `name` to `value` (query)
    GET  /set/redirect          redirects to `value` (query)
    GET  /set/length/{length}   "hello", declared to have this length
    GET  /stream                "one", "two"
    GET  /stream/empty          "one", "", "two"
    GET  /stream/early          raises before its first chunk
    GET  /stream/late           "one", then raises
    GET  /flood/{key}           1 GB, as fast as somebody reads it
    GET  /flooded/{key}         "waits", once no more of it is made
"""

import asyncio
import gc
import importlib.util
import logging
import signal
import sys
from collections import defaultdict

from pico import Pico

app = Pico()
# Content comes in pieces from step 03 on; routes know no such word before.
LAZY = {"lazy_body": True} if importlib.util.find_spec("parsing") else {}


# Greetings, as in app.py


@app.route("/")
async def index(request, response):
    response.json = {"message": "Hello world"}


@app.route("/hello/{name}")
async def hello(request, response, name):
    response.json = {"message": f"Hello {name}"}


# Handlers that take their time

released = defaultdict(asyncio.Event)
gone = defaultdict(asyncio.Event)


@app.route("/slow")
async def slow(request, response):
    for _ in range(100):
        await asyncio.sleep(0)
    response.body = "slow"


@app.route("/wait/{key}")
async def wait(request, response, key):
    try:
        await released[key].wait()
        del released[key]
        response.body = "released"
    finally:
        gone[key].set()


@app.route("/release/{key}")
async def release(request, response, key):
    released[key].set()


@app.route("/gone/{key}")
async def wait_until_gone(request, response, key):
    await gone[key].wait()
    response.body = "gone"


@app.route("/hurry")
async def hurry(request, response):
    request.source.head_timeout = 0.2
    response.body = "hurry"


# Handlers that fail, and what the log says of it


class Log(logging.StreamHandler):
    """Keeps what was logged; who reads our stderr sees it, too."""

    text = ""

    def emit(self, record):
        super().emit(record)
        self.text += self.format(record) + "\n"


log = Log()
logging.getLogger("pico").addHandler(log)


@app.route("/raise/{word}")
async def fail(request, response, word):
    raise RuntimeError(word)


@app.route("/logged/{word}")
async def logged(request, response, word):
    response.body = "yes" if word in log.text else "no"


# What the request says


@app.route("/field/{name}")
async def field(request, response, name):
    response.body = request.headers.get(name, "").encode("latin-1")


@app.route("/cookie/{name}")
async def cookie(request, response, name):
    response.body = request.cookies.get(name, "no cookie")


@app.route("/query")
async def query(request, response):
    response.body = request.query.get("q", "no q")


@app.route("/echo", methods=["POST"])
async def echo(request, response):
    response.body = request.body


@app.route("/pour", methods=["POST"], **LAZY)
async def pour(request, response):
    response.body = aiter(request)


@app.route("/unread", methods=["POST"], **LAZY)
async def unread(request, response):
    response.body = "unread"


@app.route("/sum", methods=["POST"])
async def compare(request, response):
    header = request.headers.get("x-sum", "-")
    response.body = f"{header} {request.trailers.get('x-sum', '-')}"


# What the response says


@app.route("/status/{code}")
async def status(request, response, code):
    response.status = int(code)
    response.body = "content"


@app.route("/set/field")
async def set_field(request, response):
    response.headers[request.query.get("name")] = request.query.get("value")


@app.route("/set/cookie")
async def set_cookie(request, response):
    name, value = request.query.get("name"), request.query.get("value")
    response.cookies.set(name, value)


@app.route("/set/redirect")
async def set_redirect(request, response):
    response.redirect = request.query.get("value")


@app.route("/set/length/{length}")
async def set_length(request, response, length):
    async def content():
        yield b"hello"

    response.headers["content-length"] = length
    response.body = content()


# Streams


@app.route("/stream")
async def stream(request, response):
    async def content():
        yield b"one"
        yield b"two"

    response.body = content()


@app.route("/stream/empty")
async def stream_empty(request, response):
    async def content():
        yield b"one"
        yield b""
        yield b"two"

    response.body = content()


@app.route("/stream/early")
async def stream_early(request, response):
    async def content():
        raise RuntimeError("early-8")
        yield b"never"

    response.body = content()


@app.route("/stream/late")
async def stream_late(request, response):
    async def content():
        yield b"one"
        raise RuntimeError("late-8")

    response.body = content()


PIECE = bytes(65536)
TOO_MUCH = 512  # pieces that no socket holds: nobody waits for the client
made = defaultdict(int)  # pieces


@app.route("/flood/{key}")
async def flood(request, response, key):
    async def content():
        try:
            for _ in range(2**30 // len(PIECE)):
                if made[key] > TOO_MUCH:
                    return  # rather than to fill somebody's memory
                made[key] += 1
                yield PIECE
        finally:
            gone[key].set()

    response.body = content()


@app.route("/flooded/{key}")
async def flooded(request, response, key):
    before = None
    while before != made[key] or not before:
        before = made[key]
        for _ in range(100):
            await asyncio.sleep(0)
    response.body = "waits" if before <= TOO_MUCH else "does not wait"


def collect(signum, frame):
    """Let tasks that failed, and that nobody awaits, say so."""
    gc.collect()
    print("(collected)", file=sys.stderr, flush=True)


if hasattr(signal, "SIGUSR1"):  # Windows has none.
    signal.signal(signal.SIGUSR1, collect)
if hasattr(app, "Server"):
    app.Server.interval = 0.2  # Who waits for a clock does not wait long.

if __name__ == "__main__":
    app.run()
