"""`send`: raw bytes through steps side by side.

Knows: its words on the command line.
Does not know: sockets, servers, layout.
"""

import sys
from typing import Annotated

import typer

from workshop import screen, views
from workshop.errors import PASS
from workshop.verbs import verb


@verb(
    "send",
    "send hello.http",
    "send hello.http --step 01,02,03 --split 1",
    "send typed.txt --crlf",
    "send -",
)
def send(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The bytes; - is standard input."),
    ],
    step: Annotated[
        str | None,
        typer.Option(
            help="01,02: only these; also work, a folder or a URL.",
            metavar="STEPS",
        ),
    ] = None,
    split: Annotated[
        int,
        typer.Option(
            help="Pieces of so many bytes; else all at once.",
            min=0,
            show_default=False,
        ),
    ] = 0,
    crlf: Annotated[
        bool, typer.Option("--crlf", help="Make each LF a CR LF.")
    ] = False,
) -> int:
    """Send raw bytes to steps, and show what each of them wrote.

    Nothing is added or translated: a \\n in the file is one byte. With
    --split each piece is sent once the server has read the one before. A
    step serves the routes of workshop/wire_app.py, such as /hello/you and
    POST /echo; step 01 gives its one answer.
    """
    from workshop import exchange, trace

    chosen = trace.targets(step)
    if file == "-" and sys.stdin.isatty():
        screen.remark(
            "Type a request; Ctrl-D (Windows: Ctrl-Z, Enter) ends it. A"
            " keyboard gives LF: --crlf makes it CR LF."
        )
    data = trace.read(file)
    data = trace.with_crlf(data) if crlf else data
    pieces = trace.cut(data, split)
    advice = trace.advice(data)
    if advice:
        screen.remark(advice)
    found = trace.traces(chosen, pieces, exchange.PATIENCE)
    views.traces(pieces, trace.alike(found))
    return PASS
