r"""Show what a step answers to bytes, by letting it answer them.

Knows: the rooms of a step, the stand-ins for network and loop.
Does not know: what would be right.

`GET /a HTTP/1.1\r\n\r\n` is written as in a directive: with escapes, and
` | ` between two segments.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

from workshop.bench import fake
from workshop.steps import load
from workshop.weaving.cuts import fenced


@contextlib.contextmanager
def on_a_fake_loop() -> Iterator[Any]:
    """Yield a loop without sockets, which is the running one meanwhile."""
    loop: Any = fake.Loop()
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    logging.getLogger("pico").disabled = True  # Its errors are shown here.
    try:
        yield loop
    finally:
        asyncio._set_running_loop(before)
        logging.getLogger("pico").disabled = False


def played(step: str, segments: list[bytes]) -> tuple[list[bytes], str]:
    """Return what a step writes, and the exception that ended it, if any."""
    rooms = load(step)
    transport, raised = fake.Transport(), ""
    with on_a_fake_loop() as loop:
        app = rooms.modules.get("app")
        made = app.app.Protocol(app.app) if app else rooms.Protocol()
        made.connection_made(transport)
        loop.turn()
        for segment in segments:
            try:
                made.data_received(segment)
            except Exception as error:
                raised = f"{type(error).__name__}: {error}"
            loop.turn()
        written = list(transport.written)
        task = getattr(made, "task", None)
        if task and task.done() and task.exception():
            raised = raised or f"{type(task.exception()).__name__}"
        elif task:
            task.cancel()
            loop.turn()
    return written, raised


def exchange(step: str, text: str) -> str:
    """Return a block with what was sent and what came back."""
    parts = [part.strip() for part in text.split(" | ")]
    segments = [
        part.encode().decode("unicode_escape").encode("latin-1")
        for part in parts
    ]
    written, raised = played(step, segments)
    lines = []
    for segment in segments:
        lines += [f"> {line}" for line in visible(segment)]
        lines.append("")
    answer = [dated(line) for data in written for line in visible(data)]
    lines += [f"< {line}" for line in answer or ["(nothing)"]]
    if raised:
        lines.append(f"! {raised}")
    return fenced("text", f"step {step}: sent >, answered <", "\n".join(lines))


def dated(line: str) -> str:
    """Return a line; a build that can be repeated has a date of its own."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH")
    if stamp and line.startswith("date: "):
        return f"date: {formatdate(int(stamp), usegmt=True)}"
    return line


def visible(data: bytes) -> list[str]:
    r"""Return bytes line by line; a line that does not end says so.

    >>> visible(b"GET / HT")
    ['GET / HT (no end of line)']
    """
    *lines, rest = data.decode("latin-1").split("\r\n")
    if rest and not rest.startswith("{"):
        rest += " (no end of line)"
    return [*lines, rest] if rest else lines
