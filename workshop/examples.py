"""Run the examples that stand below the help, in a copy of the clone.

Knows: what an example needs beside the clone, when it has shown enough.
Does not know: what an example has to say.

An example runs if it ends by itself, or if it says how far it is, or where
it listens, and then ends by Ctrl-C. Whatever it began must end with it. Ports
and folders outside the clone are replaced by free ones and by one beside it.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.text import Text

from workshop.errors import ENVIRONMENT, FAIL, INTERRUPTED, PASS, WorkshopError
from workshop.git import git
from workshop.linter import every
from workshop.screen import console, say, word
from workshop.serving import GRACE, apart, end, launched, undisturbed
from workshop.steps import ROOT, all_steps
from workshop.verbs import START

ENOUGH = re.compile(rb"\d% done| on http://127\.0\.0\.1:|, until Ctrl-C\.")
PATIENCE = 180.0  # seconds until an example must end
LOOK = 0.05  # seconds from one look at it to the next
# The learner of these examples has just begun: no promise is kept yet.
RED = ("check", "dev check 02 --target work")
BEGUN = (["begin"], ["goto", "03"], ["goto", "02"], ["begin", "02"])
TYPED = "GET /hello/bench HTTP/1.1\nHost: localhost\n\n"
BROUGHT = {"hello.http": TYPED.replace("\n", "\r\n"), "typed.txt": TYPED}
AUTHOR = ("-c", "user.name=pico", "-c", "user.email=pico@localhost")
SOMEWHERE = "http://127.0.0.1:8000"  # where an example expects a server
OUTSIDE = "/tmp"


class Heard(NamedTuple):
    """How a verb ended, what it wrote, and who of its children is left."""

    status: int | None  # None: it did not end
    text: bytes
    left: list[psutil.Process]


def examples(top: Any) -> Iterator[str]:
    """Yield what can be typed, as the help of each verb says it."""
    for _, command in every(top):
        lines = [line.strip() for line in (command.epilog or "").splitlines()]
        for line in lines:
            if line.startswith(START):
                yield line.removeprefix(START).strip()


class Scene:
    """A copy of the clone, where a learner has begun step 02."""

    def __init__(self, folder: Path) -> None:
        self.root, self.kept = folder / "pico", folder / "kept"
        self.outside, self.said = folder / "outside", folder / "said"
        self.outside.mkdir()
        for name in git("ls-files", "-co", "--exclude-standard").splitlines():
            if (ROOT / name).is_file():
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path)
        for name, text in BROUGHT.items():
            (self.root / name).write_text(text, "utf-8", newline="")
        git("init", "-q", "-b", "main", root=self.root)
        git("add", "-A", root=self.root)
        git(*AUTHOR, "commit", "-q", "-m", "A copy", root=self.root)
        for words in BEGUN:
            found = self.run([sys.executable, "-m", "workshop", *words])
            if wrong := judged(found, PASS):
                raise WorkshopError(f"{' '.join(words)} in a copy: {wrong}.")
        for name in ("work", "work.backups"):
            shutil.copytree(self.root / name, self.kept / name)

    def problem(self, example: str) -> str:
        """Return what is wrong with an example, or nothing if it runs."""
        for name in ("work", "work.backups"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            shutil.copytree(self.kept / name, self.root / name)
        with self.typed(example) as words:
            found = self.run([sys.executable, "-m", "workshop", *words])
        return judged(found, FAIL if example in RED else PASS)

    @contextlib.contextmanager
    def typed(self, example: str) -> Iterator[list[str]]:
        """Yield the words of an example, as they can be typed in the copy.

        What stands behind a `>` is for the shell.
        """
        beside = example.replace(OUTSIDE, str(self.outside))
        words = shlex.split(beside.partition(" > ")[0])
        if "--port" in words:
            words[words.index("--port") + 1] = "0"
        elif words[0] in ("serve", "docs"):
            words += ["--port", "0"]
        if SOMEWHERE not in words:
            yield words
            return
        with launched(all_steps()[-1].folder) as server:
            words[words.index(SOMEWHERE)] = server.url
            yield words

    def run(self, command: list[str]) -> Heard:
        """Run a command in the copy, and end what does not end itself."""
        env = {k: v for k, v in os.environ.items() if k != "WORKSHOP_WORK"}
        env |= {"BROWSER": "true", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        with (
            (self.root / "hello.http").open("rb") as stdin,
            self.said.open("wb") as stdout,
        ):
            with undisturbed():
                process = subprocess.Popen(
                    command,
                    cwd=self.root,
                    env=env,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=subprocess.STDOUT,
                    **apart(),
                )
            try:
                family = self.watched(process)
                status = process.poll()
            finally:
                end(process)
        _, left = psutil.wait_procs(family, GRACE)
        for child in left:
            child.kill()
        return Heard(status, self.said.read_bytes(), left)

    def watched(
        self, process: "subprocess.Popen[bytes]"
    ) -> set[psutil.Process]:
        """Return whom a verb has begun, once it has ended or had its time."""
        family: set[psutil.Process] = set()
        until, stopped = time.monotonic() + PATIENCE, False
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(psutil.NoSuchProcess):
                verb = psutil.Process(process.pid)
                family.update(verb.children(recursive=True))
            if not stopped and ENOUGH.search(self.said.read_bytes()):
                stopped = True
                process.send_signal(signal.SIGINT)
            time.sleep(LOOK)
        return family


def judged(found: Heard, right: int) -> str:
    """Return what is wrong with what a verb did, or nothing."""
    if found.status is None:
        return f"it did not end within {PATIENCE:g} seconds"
    if b"Traceback" in found.text:
        return "a traceback"
    if found.left:
        return f"{len(found.left)} of its processes are left"
    stopped = ENOUGH.search(found.text) and found.status == INTERRUPTED
    if stopped or found.status == right:
        return ""
    lines = found.text.decode("utf-8", "replace").split("\n")
    last = [line.strip() for line in lines if line.strip()][-1:]
    return f"status {found.status}: {' '.join(last)}"


def report(top: Any) -> int:
    """Run all examples, a line each; return the exit status."""
    if sys.platform == "win32":
        raise WorkshopError(
            "Windows sends Ctrl-C to no single program: run the examples on"
            " Linux or macOS.",
            ENVIRONMENT,
        )
    say("The examples", "bold")
    status = PASS
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        scene = Scene(Path(made).resolve())
        for example in examples(top):
            problem = scene.problem(example)
            status = FAIL if problem else status
            line = Text("  ").append_text(word("FAIL" if problem else "PASS"))
            line.append(f"  {START} {example}")
            line.append(f": {problem}" if problem else "")
            console().print(line, soft_wrap=True)
    return status
