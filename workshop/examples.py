"""Run the examples that stand below the help, in a copy of the clone.

Knows: what an example needs beside the clone, when it has shown enough.
Does not know: what an example has to say.

An example runs if it ends by itself, or if it says how far it is, or where
it listens, and then ends by Ctrl-C, with all that it began.
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
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
from rich.text import Text

from workshop.errors import ENVIRONMENT, FAIL, INTERRUPTED, PASS, WorkshopError
from workshop.git import git
from workshop.linter import every
from workshop.screen import console, say, word
from workshop.serving import GRACE, apart, end, launched, undisturbed
from workshop.steps import ROOT, all_steps
from workshop.verbs import START

ENOUGH = re.compile(rb"\d% done|http://127\.0\.0\.1|until Ctrl-C")
PATIENCE = 180.0  # seconds until an example must end, or say something
# The learner of these examples has just begun: no promise is kept yet.
RED = ("check", "dev check 02 --target work")
BEGUN = (["begin"], ["goto", "03"], ["goto", "02"], ["begin", "02"])
TYPED = "GET /hello/bench HTTP/1.1\nHost: localhost\n\n"
BROUGHT = {"hello.http": TYPED.replace("\n", "\r\n"), "typed.txt": TYPED}
AUTHOR = ("-c", "user.name=pico", "-c", "user.email=pico@localhost")
SOMEWHERE = "http://127.0.0.1:8000"  # where an example expects a server


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
            with self.run(words) as process:
                process.communicate()
        for name in ("work", "work.backups"):
            shutil.copytree(self.root / name, self.kept / name)

    def problem(self, example: str) -> str:
        """Return what is wrong with an example, or nothing if it runs."""
        for name in ("work", "work.backups"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            shutil.copytree(self.kept / name, self.root / name)
        with self.typed(example) as words, self.run(words) as process:
            text, began = heard(process)
        _, left = psutil.wait_procs(began, GRACE)
        if b"Traceback" in text:
            return "a traceback"
        if left:
            return f"{len(left)} processes are left"
        right = {FAIL if example in RED else PASS}
        right |= {INTERRUPTED} if ENOUGH.search(text) else set()
        if process.returncode in right:
            return ""
        lines = text.decode("utf-8", "replace").split("\n")
        last = [line.strip() for line in lines if line.strip()][-1:]
        return f"status {process.returncode}: {' '.join(last)}"

    @contextlib.contextmanager
    def typed(self, example: str) -> Iterator[list[str]]:
        """Yield the words of an example, with ports that are free.

        What stands behind a `>` is for the shell.
        """
        words = shlex.split(example)
        if ">" in words:
            words = words[: words.index(">")]
        if "--port" in words:
            words[words.index("--port") + 1] = "0"
        elif words[0] in ("serve", "docs"):
            words += ["--port", "0"]
        with launched(all_steps()[-1].folder) as server:
            yield [server.url if one == SOMEWHERE else one for one in words]

    @contextlib.contextmanager
    def run(self, words: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
        """Begin a verb in the copy, and end it if it has not ended."""
        env = {k: v for k, v in os.environ.items() if k != "WORKSHOP_WORK"}
        env |= {"BROWSER": "true", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        with undisturbed(), (self.root / "hello.http").open("rb") as stdin:
            process = subprocess.Popen(
                [sys.executable, "-m", "workshop", *words],
                cwd=self.root,
                env=env,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                **apart(),
            )
        with process:
            try:
                yield process
            finally:
                end(process, GRACE)


def heard(
    process: "subprocess.Popen[bytes]",
) -> tuple[bytes, list[psutil.Process]]:
    """Return all that a verb writes, and what it had begun when stopped."""
    text, began = b"", []
    timer = Timer(PATIENCE, end, [process])
    timer.start()
    assert process.stdout
    for line in process.stdout:
        enough = ENOUGH.search(text)
        text += line
        if not enough and ENOUGH.search(text):
            began = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
    process.wait()
    timer.cancel()
    return text, began


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
