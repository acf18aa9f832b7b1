"""Run the program again, as workers that share a listening socket.

Knows: processes, signals, files of the program; the socket they share, and
what is said of it: port, path, certificate, limits.
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
from select import select
from ssl import Purpose, SSLContext, create_default_context

try:
    from resource import RLIMIT_NOFILE, getrlimit
except ImportError:  # Windows counts no descriptors.
    RLIMIT_NOFILE, getrlimit = None, lambda limit: (-1, -1)

# What is installed does not change.
PREFIXES = sys.prefix + os.sep, sys.base_prefix + os.sep
logger = logging.getLogger("pico")
INHERITED = "PICO_SOCKET"  # tells a worker its parent, and descriptors


class Supervisor:
    """Keeps a number of workers; SIGHUP renews them, one by one.

    The socket stays open all the while: whoever connects has to wait, and
    is not refused.
    """

    interval = 0.2  # seconds from one look to the next
    patience = 15  # seconds for a worker to stop by itself
    starting = 60  # seconds for a worker to start

    def __init__(self, listening, number, reload):
        if listening is None and number > 1:
            raise SystemExit("Windows cannot share a socket: one worker.")
        self.listening = listening
        self.number, self.reload = number, reload
        self.workers, self.leaving, self.outdated = [], [], False

    def run(self):
        """Look after the workers until Ctrl-C or SIGTERM."""
        stop = signal.default_int_handler
        signal.signal(signal.SIGTERM, stop)
        if hasattr(signal, "SIGHUP"):  # Windows has none
            signal.signal(signal.SIGHUP, stop if self.reload else self.hang_up)
        files = changes()
        try:
            pipes = [self.start() for _ in range(self.number)]
            if not all(map(self.serves, pipes)):
                raise SystemExit("The program does not start.")
            while True:
                time.sleep(self.interval)
                if self.reload and files != changes():
                    files, self.outdated = changes(), True
                self.look()
        finally:
            for worker in self.workers:
                worker.terminate()
            see_off(self.workers + self.leaving, self.patience)

    def hang_up(self, signum, frame):
        self.outdated = True

    def look(self):
        """Replace workers that are outdated, or dead."""
        outdated, self.outdated = self.outdated, False
        for worker in [*self.workers]:
            dead = worker.poll() is not None and not self.reload
            if dead:
                logger.error("Worker %d died: another starts.", worker.pid)
                time.sleep(1)  # It may die at once, again and again.
            if dead or outdated:
                self.replace(worker)

    def replace(self, worker):
        """Let a new worker serve instead; if it does not, nothing changes."""
        if not self.serves(self.start()):
            logger.error("The new program does not start: the old one stays.")
            worker = self.workers[-1]
        self.leaving = [worker]
        self.workers.remove(worker)
        worker.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(self.patience)  # Ctrl-C ends this, not the worker.
        see_off([worker], patience=0)

    def start(self):
        """Start a worker, which Ctrl-C does not reach by itself.

        Return the end of a pipe, where the worker says that it serves.
        """
        hears, says = os.pipe()
        shared, env = {}, {**os.environ, INHERITED: "0"}
        if self.listening:
            descriptor = self.listening.fileno()
            env[INHERITED] = f"{os.getpid()} {descriptor} {says}"
            shared = {"pass_fds": [descriptor, says], "process_group": 0}
        command = [sys.executable, *sys.orig_argv[1:]]
        self.workers.append(subprocess.Popen(command, env=env, **shared))
        os.close(says)
        return hears

    def serves(self, hears):
        """Return whether a worker serves; with `reload` nobody asks."""
        told = self.reload
        if not told and any(select([hears], [], [], self.starting)):
            told = os.read(hears, 1)
        os.close(hears)
        return bool(told)


def announce(says, url):
    """Tell whoever has started us that we serve: a person, or our parent."""
    if says is None:
        return print(f"Listening on {url}", flush=True)
    with contextlib.suppress(BrokenPipeError):
        os.write(says, b"1")
    os.close(says)


def see_off(workers, patience):
    """Let workers finish what they are doing; a second Ctrl-C kills them."""
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            for worker in workers:
                worker.wait(patience)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def bind(host, port, unix):
    """Return the listening socket, our parent, and where to write to it.

    A worker has inherited all three; any other has the socket alone.
    """
    inherited = [int(n) for n in os.environ.pop(INHERITED, "0").split()]
    if inherited != [0]:
        parent, descriptor, says = inherited
        return socket.socket(fileno=descriptor), parent, says
    if unix:
        clear(unix)
        return socket.create_server(unix, family=socket.AF_UNIX), 0, None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it; asyncio's loop would not ask for it here.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made, 0, None


def number_of(port):
    """Return a port as a number, or `PORT`, or 8000."""
    if port is None:
        port = os.environ.get("PORT") or 8000
    if not str(port).isdecimal() or int(port) > 65535:
        raise SystemExit(f"A port is a number up to 65535, not {port!r}.")
    return int(port)


def secured(ssl, patience):
    """Return what the loop must know of TLS; `ssl` may be two files."""
    if ssl and not isinstance(ssl, SSLContext):
        ssl = certified(ssl)
    return {"ssl": ssl, "ssl_handshake_timeout": patience} if ssl else {}


def certified(files):
    """Return a context for TLS, made of a certificate and its key."""
    context = create_default_context(Purpose.CLIENT_AUTH)
    try:
        certificate, key = files
        context.load_cert_chain(certificate, key)
    except (OSError, TypeError, ValueError) as error:
        told = f"{files!r} is no certificate and its key: {error}."
        raise SystemExit(told) from None
    return context


def clear(path):
    """Remove a Unix socket on which nobody listens."""
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
    """Return how many connections may be open, beside some files."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return max(soft - 128, soft // 2) if soft > 0 else 2**31
