"""Name what is compared: a step, or a program on a step.

Knows: folders, programs, the case that an arm must answer.
Does not know: how it is measured.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workshop.bench.cases import Case, declared
from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.serving import target
from workshop.steps import all_steps, find, rooms

EXTENDED = Path(__file__).parent / "extended.py"
# They have no price for a request: another server runs the app, or a test.
UNPRICED = {"asgi", "asgi_host", "simple_server", "testing"}


@dataclass(frozen=True)
class Arm:
    """One of the servers that an experiment compares."""

    name: str
    folder: Path
    case: Case
    program: Path | None = None  # None: the folder's own.
    env: Mapping[str, str] = field(default_factory=dict)
    beside: bool = False  # It is no rung: nothing is compared with it.

    @property
    def hash(self) -> str:
        """Say which sources this is."""
        return sources(self.folder)

    @property
    def extensions(self) -> list[str]:
        """Say which extensions are activated."""
        return [e for e in self.env.get("EXTENSIONS", "").split(",") if e]

    @property
    def rooms(self) -> int:
        """Say how many rooms it has."""
        return len(rooms(self.folder))


def extended(
    name: str, folder: Path, case: Case, extensions: list[str]
) -> Arm:
    """Return the arm that runs a folder's app with these extensions."""
    env = {"EXTENSIONS": ",".join(extensions)}
    return Arm(name, folder, declared(folder, case), EXTENDED, env, True)


def step_arms(words: Sequence[str], case: Case) -> list[Arm]:
    """Return the arms of these steps, or of all."""
    steps = [find(word) for word in words] if words else all_steps()
    return [
        Arm(
            f"{step.number} {step.word.replace('_', ' ')}",
            step.folder,
            declared(step.folder, case),
        )
        for step in steps
    ]


def extensions_of(folder: Path) -> list[str]:
    """Return the extensions of a folder that are activated for a price."""
    paths = sorted((folder / "extensions").glob("[!_]*.py"))
    return [
        path.stem
        for path in paths
        if path.stem not in UNPRICED and is_extension(path)
    ]


def is_extension(path: Path) -> bool:
    """Return whether a file is an extension, or only helps one.

    An extension is a function that has the name of its file.
    """
    tree = ast.parse(path.read_text("utf-8"), path.name)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    return path.stem in [function.name for function in functions]


def target_arm(word: str, case: Case) -> Arm:
    """Return the arm of a step or of a learner's own folder."""
    if "://" in word:
        raise WorkshopError(
            f"{word} is a URL, and the CPU time of a server can only be read"
            " where we start it: give its folder."
        )
    folder = target(word).folder
    assert folder
    own = declared(folder, case)
    return Arm(f"your {folder.name}", folder, own, beside=True)
