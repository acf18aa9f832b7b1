"""Check out two revisions beside each other, and leave nothing behind.

Knows: git, its worktrees, what a person may have mistyped.
Does not know: what is done with the files.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.errors import ENVIRONMENT, USAGE, WorkshopError
from workshop.git import git
from workshop.steps import ROOT

HEAD = "HEAD"


@dataclass(frozen=True)
class Revision:
    """The files of a commit, or the files as they are now."""

    name: str  # as a person says it: main
    commit: str  # in short; of the working tree, the one below it
    folder: Path

    def step(self, number: str) -> Path:
        """Return the folder of a step, whatever it was called then."""
        for folder in sorted(self.folder.glob(f"steps/{number}_*")):
            if (folder / "pico.py").is_file():
                return folder
        raise WorkshopError(
            f"{self.name} has no step {number}: name revisions that have it,"
            " or another step with --step."
        )


def needs_clone(root: Path = ROOT) -> None:
    """Raise a sentence unless `root` is a clone with a commit."""
    git("version", root=root)  # says it if git is missing
    with contextlib.suppress(WorkshopError):
        top = git("rev-parse", "--show-toplevel", root=root)
        git("rev-parse", "--verify", HEAD, root=root)
        if Path(top).samefile(root):
            return
    raise WorkshopError(
        "This folder is no git clone, so there are no revisions to compare:"
        " clone the repository.",
        ENVIRONMENT,
    )


def commit(word: str, root: Path = ROOT) -> str:
    """Return the commit that a word means: main, HEAD~2, a tag, 1a2b3c4."""
    try:
        spoken = ["--verify", "--quiet", "--end-of-options"]
        return git("rev-parse", *spoken, f"{word}^{{commit}}", root=root)
    except WorkshopError:
        raise WorkshopError(
            f"There is no revision {word!r}: `git log --oneline` shows"
            " commits, `git branch --all` branches; CI may have to fetch it.",
            USAGE,
        ) from None


def changed(root: Path = ROOT, below: str = "steps") -> bool:
    """Return whether files were changed since the last commit."""
    return bool(git("status", "--porcelain", "--", below, root=root))


def meant(
    words: Sequence[str], worktree: bool, root: Path = ROOT
) -> tuple[str, str | None]:
    """Return the words for A and B; B is None for the working tree.

    Without words: what would be committed now against the last commit. With
    one: that revision against the last commit.
    """
    if len(words) > 2 or (worktree and len(words) == 2):
        raise WorkshopError(
            "Two revisions are compared, or one with the files as they are"
            " now: `bench compare REV_A REV_B`, `bench compare REV_A"
            " --worktree`.",
            USAGE,
        )
    if len(words) == 2:
        return words[0], words[1]
    if worktree or not words:
        return (*words, HEAD)[0], None
    if changed(root):
        raise WorkshopError(
            "Files below steps/ have changed since the last commit, and"
            f" {HEAD} does not know it: commit them, or compare them with"
            " --worktree.",
            USAGE,
        )
    return words[0], HEAD


@contextlib.contextmanager
def checked_out(
    words: Sequence[str], worktree: bool = False, root: Path = ROOT
) -> Iterator[tuple[Revision, Revision]]:
    """Yield revisions A and B, each in a folder; end their worktrees."""
    needs_clone(root)
    first, second = meant(words, worktree, root)
    with contextlib.ExitStack() as stack:
        a = stack.enter_context(folder_of(first, "a", root))
        if second is None:
            now = Revision("the working tree", a_short(HEAD, root), root)
            yield a, now
        else:
            yield a, stack.enter_context(folder_of(second, "b", root))


def a_short(word: str, root: Path) -> str:
    """Return a commit as short as git shows it."""
    return git("rev-parse", "--short", commit(word, root), root=root)


@contextlib.contextmanager
def folder_of(word: str, name: str, root: Path) -> Iterator[Revision]:
    """Check a revision out into a temporary folder."""
    found = commit(word, root)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place).resolve() / name
        try:
            add = ["worktree", "add", "--quiet", "--detach", "--force"]
            git(*add, str(folder), found, root=root)
            short = a_short(found, root)
            # Nobody reads forty digits.
            name = short if found.startswith(word) else word
            yield Revision(name, short, folder)
        finally:
            # Twice forced: also one that was interrupted while it was made.
            remove = ["worktree", "remove", "--force", "--force"]
            with contextlib.suppress(WorkshopError):
                git(*remove, str(folder), root=root)
