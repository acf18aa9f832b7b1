"""Say which attribute is None, where Python says only that something is.

Knows: the line that raised, as a tree.
Does not know: bytes, tasks, how an explanation looks.
"""

import ast
import re
from pathlib import Path

from workshop.causes import Finding
from workshop.mistakes import shown
from workshop.outcomes import Seen

NONE = re.compile(r"'NoneType' object has no attribute '(\w+)'")


def found(seen: Seen, folder: Path) -> Finding | None:
    """Return which attribute was asked for another one while it was None."""
    missing = NONE.search(seen.error)
    file, _, line = seen.where.partition(", line ")
    path = folder / Path(file).name
    if not missing or shown(path) != file:
        return None
    for node in ast.walk(ast.parse(path.read_bytes())):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and node.attr == missing[1]
            and node.lineno <= int(line) <= (node.end_lineno or 0)
        ):
            asked = ast.unparse(node.value)
            return Finding(
                f"`{asked}` is None there: who should have set it?"
                f" {seen.error}."
            )
    return None
