"""Serve the handlers of waiting.py with threads in the place of a loop.

Knows: blocking sockets, threads; pico's parser, app and rendering.
Does not know: time limits, streams. It is no server to use.

All that is done for a request is what pico does on its loop; only who waits
is different. `THREADS` is how many answer; 0: one for each connection.
"""

import os
import selectors
import socket
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from waiting import app

from recall import RecallingParser
from rendering import render_head

HOST, BACKLOG, SIZE = "127.0.0.1", 1024, 65536


class Client:
    """One connection."""

    def __init__(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.parser = connection, RecallingParser(app)

    def serve(self):
        """Answer what comes next; return whether more may come."""
        try:
            data = self.connection.recv(SIZE)
            self.parser.feed(data)
            while self.parser.requests:
                self.connection.sendall(answer(self.parser.requests.pop(0)))
        except OSError:
            data = b""
        if not data or self.parser.finished:
            self.connection.close()
            return False
        return True

    def serve_forever(self):
        while self.serve():
            pass


def answer(request):
    """Return an answer: a handler that never awaits is done in one step."""
    try:
        app.answer(request).send(None)
    except StopIteration as done:
        response = done.value
        head = render_head(request, response)
        return head + response.body
    raise RuntimeError("A handler for threads must not await.")


def thread_each(listening):
    """Let a thread of its own serve each connection."""
    while True:
        client = Client(listening.accept()[0])
        threading.Thread(target=client.serve_forever, daemon=True).start()


class Pool:
    """A number of threads, each with one request at a time.

    Connections without a request wait in a selector, as those of gunicorn's
    threads do: else each would keep a thread that others need.
    """

    def __init__(self, listening, number):
        self.listening = listening
        self.workers = ThreadPoolExecutor(number)
        self.waiting = selectors.DefaultSelector()
        self.answered = deque()
        self.bell, self.ear = socket.socketpair()
        self.waiting.register(listening, selectors.EVENT_READ, self.accept)
        self.waiting.register(self.ear, selectors.EVENT_READ, self.resume)

    def serve_forever(self):
        while True:
            for key, _ in self.waiting.select():
                if isinstance(key.data, Client):
                    self.waiting.unregister(key.fileobj)
                    self.workers.submit(self.work, key.data)
                else:
                    key.data()

    def accept(self):
        self.watch(Client(self.listening.accept()[0]))

    def watch(self, client):
        self.waiting.register(client.connection, selectors.EVENT_READ, client)

    def work(self, client):
        """In a thread: answer, then give the connection back."""
        if client.serve():
            self.answered.append(client)
            self.bell.send(b"!")

    def resume(self):
        self.ear.recv(SIZE)
        while self.answered:
            self.watch(self.answered.popleft())


if __name__ == "__main__":
    number = int(os.environ["THREADS"])
    with socket.create_server((HOST, 0), backlog=BACKLOG) as listening:
        port = listening.getsockname()[1]
        print(f"Listening on http://{HOST}:{port}", flush=True)
        if number:
            Pool(listening, number).serve_forever()
        else:
            thread_each(listening)
