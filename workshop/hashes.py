"""Say with one short text which sources a result was measured on.

Knows: files of a folder, what of them is executed, SHA-256.
Does not know: what was measured.
"""

import functools
import hashlib
import io
import tokenize
from pathlib import Path

from workshop.diffs import only_words


def sources(folder: Path) -> str:
    """Return a hash of the program in a folder: of its `*.py`, at any depth.

    Tests, `bench.py` and experiments are left out: they measure, and are not
    what is measured. So is what is not executed, see `executed`.
    """
    digest = hashlib.sha256()
    paths = sorted(
        folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()
    )
    for path in paths:
        if path.name.startswith("test_") or path.name == "bench.py":
            continue
        if "experiments" in path.relative_to(folder).parts:
            continue
        source = path.read_text("utf-8", "replace")  # line ends become LF
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(executed(source).encode()).digest())
    return digest.hexdigest()


@functools.lru_cache(maxsize=512)  # A page asks for several results.
def executed(source: str) -> str:
    """Return a program without its comments, docstrings and blank lines.

    Who explains a line better does not make it faster or slower. A program
    that is none yet, as a learner's may be, is returned as it is.

    >>> executed("'Doc.'\\n\\nx = '#'  # why\\n")
    "x = '#'"
    """
    lines, words = source.split("\n"), only_words(source)
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column].rstrip()
    except (SyntaxError, tokenize.TokenError):
        return source
    return "\n".join(line for at, line in enumerate(lines) if at not in words)
