"""Run the program again, as workers that share a listening socket.

Knows: processes, signals, files: of the program, and the socket they share.
Does not know: connections, requests.
"""

import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

try:
    from resource import RLIMIT_NOFILE, getrlimit
except ImportError:  # Windows counts no descriptors.
    RLIMIT_NOFILE, getrlimit = None, lambda limit: (-1, -1)

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
        if listening is None and number > 1:
            raise SystemExit("Windows cannot share a socket: one worker.")
        self.listening = listening
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


def bind(host, port, unix):
    """Return who looks after us, or 0, and the socket that listens.

    A worker has inherited both.
    """
    parent, *descriptor = os.environ.pop(INHERITED, "0").split()
    if descriptor:
        return int(parent), socket.socket(fileno=int(descriptor[0]))
    if unix:
        clear(unix)
        return 0, socket.create_server(unix, family=socket.AF_UNIX)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it; asyncio's loop would not ask for it here.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return 0, made


def clear(path):
    """Remove a Unix socket that nobody listens at."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
        raise OSError(f"Somebody listens at {path}")
    if Path(path).is_socket():
        Path(path).unlink()


def changes():
    """Return when each file of the program was changed, by its name."""
    files = [getattr(m, "__file__", None) for m in [*sys.modules.values()]]
    ours = {Path(f).parent for f in files if f and not f.startswith(PREFIXES)}
    times = {}
    for path in itertools.chain(*(folder.glob("*.py") for folder in ours)):
        with contextlib.suppress(OSError):  # It has just been removed.
            times[path] = path.stat().st_mtime_ns
    return times


def descriptors():
    """Return how many connections may be open; some files are, too."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return max(soft - 128, soft // 2) if soft > 0 else 2**31
