"""Serve the ASGI hello by the server that `SERVER` names.

Knows: how each server is started, with one worker and without a log.
Does not know: that it is measured.
"""

import asyncio
import contextlib
import importlib
import os
import random
import signal
import socket
import threading
import time

HOST, BACKLOG = "127.0.0.1", 1024


def listening():
    """Return a socket that listens; who connects early waits in it."""
    opened = socket.create_server((HOST, 0), backlog=BACKLOG)
    opened.set_inheritable(True)
    announce(opened.getsockname()[1])
    return opened


def announce(port):
    print(f"Listening on http://{HOST}:{port}", flush=True)


def uvicorn(application):
    """Serve by uvicorn: httptools and uvloop are what it would choose."""
    module = importlib.import_module("uvicorn")
    config = module.Config(
        application,
        http="httptools",
        loop="auto",
        access_log=False,
        log_level="warning",
    )
    module.Server(config).run(sockets=[listening()])


def hypercorn(application, worker="asyncio"):
    """Serve by hypercorn, on asyncio or on trio."""
    config = importlib.import_module("hypercorn.config").Config()
    opened = listening()
    config.bind = [f"fd://{opened.detach()}"]
    config.loglevel = "WARNING"
    serve = importlib.import_module(f"hypercorn.{worker}").serve
    if worker == "trio":
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        importlib.import_module("trio").run(serve, application, config)
    else:
        asyncio.run(serve(application, config))


def hypercorn_trio(application):
    hypercorn(application, "trio")


def granian(application):
    """Serve by granian: a process of its own for one worker."""
    module = importlib.import_module("granian")
    constants = importlib.import_module("granian.constants")
    port = random.randrange(20_000, 32_000)  # which nobody is given for 0
    server = module.Granian(
        "asgi_hello:application",
        address=HOST,
        port=port,
        interface=constants.Interfaces.ASGI,
        log_enabled=False,
    )
    threading.Thread(target=knock, args=[port], daemon=True).start()
    server.serve()


def knock(port):
    """Announce the port once somebody answers there."""
    while not answers(port):
        time.sleep(0.02)
    announce(port)


def answers(port):
    try:
        with socket.create_connection((HOST, port), timeout=1) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.recv(5) == b"HTTP/"
    except OSError:
        return False


def daphne(application):
    """Serve by daphne, which runs on Twisted."""
    module = importlib.import_module("daphne.server")
    opened = listening()
    endpoint = f"fd:fileno={opened.fileno()}"
    module.Server(application, endpoints=[endpoint], verbosity=0).run()


SERVERS = {
    "uvicorn": uvicorn,
    "hypercorn": hypercorn,
    "hypercorn_trio": hypercorn_trio,
    "granian": granian,
    "daphne": daphne,
}

if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        hello = importlib.import_module("asgi_hello").application
        SERVERS[os.environ["SERVER"]](hello)
