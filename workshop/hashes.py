"""Say with one short text which sources a result was measured on.

Knows: files of a folder, SHA-256.
Does not know: what was measured.
"""

import hashlib
from pathlib import Path


def sources(folder: Path) -> str:
    """Return a hash of the program in a folder: of its `*.py`, at any depth.

    Tests, `bench.py` and experiments are left out: they measure, and are not
    what is measured.
    Line ends count as LF, so that the hash is the same on each system.
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
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
