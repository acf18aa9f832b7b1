"""Say why nobody heard of a protocol: the loop that calls it tells no error.

Knows: the source of pico.py; what asyncio calls, and with what.
Does not know: bytes, tasks, how an explanation looks.
"""

import ast
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TypeVar

from workshop.causes import Finding
from workshop.outcomes import Seen

Node = TypeVar("Node", bound=ast.AST)
CALLED = "data_received"  # by asyncio, with the bytes that came


def found(seen: Seen, body: list[ast.stmt]) -> Finding | None:
    """Return what is wrong with a protocol that answered nothing, if it is.

    The body is that of pico.py.
    """
    if not seen.sent or seen.received or seen.error:
        return None
    tree = ast.Module(body, [])
    if any(made_without_app(call) for call in of_kind(tree, ast.Call)):
        return told(
            "create_server makes the protocol without the app: give it"
            " `lambda: self.Protocol(self)`.",
            "pico.Pico.serve",
        )
    for node in of_kind(tree, ast.ClassDef):
        if node.name == "Protocol":
            return of_callback(node)
    return None


def of_callback(protocol: ast.ClassDef) -> Finding | None:
    """Return what is wrong with the method that gets what came."""
    methods = (ast.FunctionDef, ast.AsyncFunctionDef)
    known = {m.name: m for m in protocol.body if isinstance(m, methods)}
    near = get_close_matches(CALLED, known, 1)
    if CALLED not in known and near:
        return told(
            f"asyncio calls `{CALLED}`; Protocol has `{near[0]}`.",
            f"pico.Protocol.{near[0]}",
        )
    if isinstance(known.get(CALLED), ast.AsyncFunctionDef):
        return told(
            f"asyncio calls `{CALLED}`, and awaits nothing: write `def`, and"
            " let it create a task.",
            f"pico.Protocol.{CALLED}",
        )
    return None


def told(cause: str, symbol: str) -> Finding:
    return Finding(cause, 0, "no answer", symbols=(symbol,))


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
