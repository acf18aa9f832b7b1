"""Write the table of faults that must not happen, each with its tests.

Knows: docs/reference/security.toml, where tests are, the rows of the wire.
Does not know: mkdocs; what a test does.
"""

import ast
import functools
import tomllib
from typing import Any

from workshop.errors import WorkshopError
from workshop.steps import ROOT

PATH = ROOT / "docs" / "reference" / "security.toml"
ROWS = ROOT / "workshop" / "wire_rows.toml"


def classes() -> list[dict[str, Any]]:
    """Return all classes of faults."""
    found: list[dict[str, Any]] = tomllib.loads(PATH.read_text("utf-8"))[
        "class"
    ]
    return found


def table() -> str:
    """Return a section for each class: where it was seen, what we do."""
    return "\n\n".join(map(section, classes()))


def section(fault: dict[str, Any]) -> str:
    """Return what must not happen, what pico does, and what proves it."""
    proofs = [linked(test) for test in fault.get("tests", ())]
    proofs += [row(number) for number in fault.get("rows", ())]
    if not proofs:
        raise WorkshopError(f"Nothing proves {fault['name']!r}.")
    return "\n".join(
        [
            f"### {fault['name']}",
            "",
            "| | |",
            "|---|---|",
            f"| seen in | {fault['seen']} |",
            f"| pico | {fault['does']} |",
            f"| proof | {'<br>'.join(proofs)} |",
        ]
    )


def linked(test: str) -> str:
    """Return a test as it is told to pytest; it must exist."""
    path, _, name = test.partition("::")
    if name not in functions(path):
        raise WorkshopError(f"There is no test {test}.")
    return f"`{test}`"


@functools.cache
def functions(path: str) -> frozenset[str]:
    """Return the names of the functions at the top of a file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def row(number: int) -> str:
    """Return a row of the wire, which is a test of its own."""
    if number not in rows():
        raise WorkshopError(f"There is no row {number} of the wire.")
    return f"[row {number}](http.md#row-by-row): {rows()[number]}"


@functools.cache
def rows() -> dict[int, str]:
    """Return the names of the rows of the wire, by their numbers."""
    found = tomllib.loads(ROWS.read_text("utf-8"))["row"]
    return {each["number"]: each["name"] for each in found}
