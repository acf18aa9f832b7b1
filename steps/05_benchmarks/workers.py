"""Run the program again, as workers that share a listening socket.

Knows: processes, signals, the files of the program.
Does not know: connections, requests.
"""

import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PREFIXES = sys.prefix, sys.base_prefix  # what is installed does not change
logger = logging.getLogger("pico")
INHERITED = "PICO_SOCKET"  # tells a worker its parent, and the descriptor


class Supervisor:
    """Keeps a number of workers; SIGHUP renews them, one by one.

    As the socket stays open, whoever connects meanwhile has to wait, and
    is not refused.
    """

    interval = 0.2  # seconds from one look to the next
    patience = 15  # seconds for a worker to stop by itself

    def __init__(self, listening, number, reload):
        self.listening = listening  # None on Windows: no socket is shared
        self.number, self.reload = number, reload
        self.outdated = False

    def run(self):
        """Look after the workers until Ctrl-C or SIGTERM."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if hasattr(signal, "SIGHUP"):  # Windows has none
            signal.signal(signal.SIGHUP, self.hang_up)
        self.workers, files = [], changes()
        try:
            for _ in range(self.number):
                self.workers.append(self.start())
            while True:
                time.sleep(self.interval)
                if self.reload and files != changes():
                    files, self.outdated = changes(), True
                self.look()
        finally:
            stop(self.workers, self.patience)

    def hang_up(self, signum, frame):
        self.outdated = True

    def look(self):
        """Replace workers that are outdated, or dead."""
        outdated, self.outdated = self.outdated, False
        for number, worker in enumerate(self.workers):
            dead = worker.poll() is not None and not self.reload
            if dead:
                logger.error("Worker %d died: another starts.", worker.pid)
                time.sleep(1)  # It may die at once, again and again.
            if dead or outdated:
                self.workers[number] = self.start()
                stop([worker], self.patience)

    def start(self):
        """Return a new worker, which Ctrl-C does not reach by itself."""
        shared, inherits = {}, "0"
        if self.listening:
            descriptor = self.listening.fileno()
            inherits = f"{os.getpid()} {descriptor}"
            shared = {"pass_fds": [descriptor], "process_group": 0}
        command = [sys.executable, *sys.orig_argv[1:]]
        env = {**os.environ, INHERITED: inherits}
        return subprocess.Popen(command, env=env, **shared)


def stop(workers, patience):
    """Let workers end what they are at; a second Ctrl-C kills them."""
    for worker in workers:
        worker.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            for worker in workers:
                worker.wait(patience)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def inherited():
    """Return who looks after a worker, and the descriptor of its socket."""
    return [int(word) for word in os.environ.pop(INHERITED, "0").split()]


def changes():
    """Return when each file of the program was changed, by its name."""
    files = [getattr(m, "__file__", None) for m in [*sys.modules.values()]]
    ours = {Path(f).parent for f in files if f and not f.startswith(PREFIXES)}
    times = {}
    for path in itertools.chain(*(folder.glob("*.py") for folder in ours)):
        with contextlib.suppress(OSError):  # It has just been removed.
            times[path] = path.stat().st_mtime_ns
    return times
