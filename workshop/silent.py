"""Say why nobody heard of a protocol: the loop that calls it tells no error.

Knows: the source of pico.py; what asyncio calls, and with what.
Does not know: bytes, tasks, how an explanation looks.
"""

import ast
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from workshop.causes import Finding
from workshop.outcomes import Seen

Node = TypeVar("Node", bound=ast.AST)
CALLED = "data_received"  # by asyncio, with the bytes that came


def found(seen: Seen, folder: Path) -> Finding | None:
    """Return what is wrong with a protocol that answered nothing, if it is."""
    if not seen.sent or seen.received or seen.error or seen.end != "silent":
        return None
    try:
        tree = ast.parse((folder / "pico.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    if any(made_without_app(call) for call in of_kind(tree, ast.Call)):
        return Finding(
            "create_server makes the protocol without the app: give it"
            " `lambda: self.Protocol(self)`.",
            0,
            "silence",
            symbols=("pico.Pico.serve",),
        )
    for node in of_kind(tree, ast.ClassDef):
        if node.name == "Protocol" and (name := misspelt(node)):
            return Finding(
                f"asyncio calls `{CALLED}`; Protocol has `{name}`.",
                0,
                "silence",
                symbols=(f"pico.Protocol.{name}",),
            )
    return None


def of_kind(tree: ast.AST, kind: type[Node]) -> Iterator[Node]:
    return (node for node in ast.walk(tree) if isinstance(node, kind))


def made_without_app(call: ast.Call) -> bool:
    """Return whether create_server is given the class that needs an app.

    >>> words = "create_server(Protocol)", "loop.create_server(self.Protocol)"
    >>> [made_without_app(ast.parse(w, mode="eval").body) for w in words]
    [False, True]
    """
    if not call.args or not ast.unparse(call.func).endswith("create_server"):
        return False
    return ast.unparse(call.args[0]) == "self.Protocol"


def misspelt(protocol: ast.ClassDef) -> str:
    """Return the method whose name is nearly the one that is called."""
    methods = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = [d.name for d in protocol.body if isinstance(d, methods)]
    if CALLED in names:
        return ""
    return "".join(get_close_matches(CALLED, names, 1))
