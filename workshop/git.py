"""Ask git about the clone, or about another folder.

Knows: where git must not look, what is said where there is none.
Does not know: what is asked.
"""

import os
import subprocess
from pathlib import Path

from workshop.errors import ENVIRONMENT, WorkshopError
from workshop.serving import apart, undisturbed
from workshop.steps import ROOT

# In a hook of git these name another place than the folder.
TOLD = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"}


def ran(
    *words: str, root: Path = ROOT
) -> "subprocess.CompletedProcess[bytes]":
    """Run git in a folder; WorkshopError if there is no git.

    Ctrl-C waits for its end: git must not leave half a worktree.
    """
    try:
        with undisturbed():
            return subprocess.run(
                ["git", "-c", f"core.hooksPath={os.devnull}", *words],
                cwd=root,
                env={k: v for k, v in os.environ.items() if k not in TOLD},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                **apart(),
            )
    except OSError:
        raise WorkshopError(
            "git was not found: install it, or put it on the path.",
            ENVIRONMENT,
        ) from None


def git(*words: str, root: Path = ROOT) -> str:
    """Return what git says, without the line's end.

    WorkshopError, with git's reason, if it refuses.
    """
    done = ran(*words, root=root)
    if done.returncode:
        raise WorkshopError(f"git {words[0]}: {reason(done)}", ENVIRONMENT)
    return done.stdout.decode("utf-8", "replace").strip()


def reason(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return why git refused: the last line that it wrote."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (lines or ["no reason given"])[-1]
