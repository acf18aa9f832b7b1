"""Keep what was measured, with all that a reader needs to doubt it.

Knows: the shape of a result, files, which sources it was measured on.
Does not know: how it was measured.

The shape is `result.schema.json` (JSON Schema); in short:

    experiment, question   what was asked
    format                 1; another number once the shape changes
    date                   when it began, UTC
    command                how to take it again
    complete, valid        not interrupted; all answers were right
    machine                CPU, cores, system, Python, loop, versions, commit,
                           battery, other work, pinning, stolen time
    plan                   rounds, seconds, connections, load, seed, request
    noise                  how far a second copy of the first arm was from it
    arms                   for each: its hash, lines, wire rows, exact counts,
                           CPU time, ratio to the first arm, verdict, and the
                           raw samples, one for each launch
    sentences              what was seen, in words

The committed ones, in docs/results, are taken on a quiet machine by

    python3 start.py ladder --json docs/results/ladder.json
    python3 start.py bench NAME --json docs/results/NAME.json

An experiment that measures in its own way has `sources`, a hash of each step,
and `points` where others have `noise` and `arms`: `study.schema.json` is its
shape.
"""

import json
from pathlib import Path
from typing import Any

from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.steps import ROOT

FORMAT = 1
RESULTS = ROOT / "docs" / "results"
SCHEMA = Path(__file__).with_name("result.schema.json")


def write(path: Path, result: dict[str, Any]) -> None:
    """Write a result; LF and ASCII, so that it is the same everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=True)
    path.write_text(text + "\n", "utf-8", newline="\n")


def read(path: Path) -> dict[str, Any]:
    """Return a result that was written before."""
    if not path.is_file():
        raise WorkshopError(
            f"{path} is missing: `python3 start.py bench {path.stem}"
            f" --json {path}` makes it."
        )
    result: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if result.get("format") != FORMAT:
        raise WorkshopError(
            f"{path} has format {result.get('format')!r}, not {FORMAT}:"
            " measure it again."
        )
    return result


def stale(result: dict[str, Any]) -> list[str]:
    """Return the arms whose sources have changed since they were measured.

    An arm whose folder is not here (a learner's own) is stale too. A result
    that has no arms has the `sources` of all steps.
    """
    changed = []
    for arm in result.get("arms", []):
        folder = ROOT / arm["folder"]
        if not folder.is_dir() or sources(folder) != arm["hash"]:
            changed.append(arm["name"])
    return changed
