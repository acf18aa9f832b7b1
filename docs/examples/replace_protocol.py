"""Speak something else than HTTP on the same port.

Knows: connections; lines of text.
Does not know: routes, handlers.
"""

from connection import Connection
from pico import Pico


class TwoTongues(Connection):
    """A connection that speaks HTTP, or else lines.

    Methods of HTTP are in upper case: who begins in lower case speaks
    lines. Each names something that the app holds, and is answered with it.
    """

    max_line = 256
    lines = None  # what is not answered; None: this is HTTP, so far
    heard = ended = False

    def data_received(self, data):
        if not self.heard and data[:1].islower():
            self.lines = bytearray()
        self.heard = True
        if self.lines is None:
            return super().data_received(data)
        self.lines += data
        self.talk()
        self.wake()  # The clock sees that something has come.

    def talk(self):
        """Answer line by line, as long as the client reads."""
        while not self.room and b"\n" in self.lines:
            end = self.lines.index(b"\n")
            name = self.lines[:end].decode("latin-1").strip()
            del self.lines[: end + 1]
            self.transport.write(f"{self.app.get(name, '?')}\n".encode())
        if not self.room and len(self.lines) > self.max_line:
            self.transport.abort()
        elif not self.room and self.ended:
            super().eof_received()

    def eof_received(self):
        if self.lines is None:
            return super().eof_received()
        self.ended = True
        self.talk()
        return True

    # Who does not read our lines is not read, either.

    def pause_writing(self):
        super().pause_writing()
        if self.lines is not None:
            self.transport.pause_reading()

    def resume_writing(self):
        super().resume_writing()
        if self.lines is not None:
            self.transport.resume_reading()
            self.talk()


class MyPico(Pico):
    """An application that is asked in two tongues."""

    Protocol = TwoTongues


app = MyPico()
app["visits"] = 0


@app.route("/")
async def visit(request, response):
    app["visits"] += 1
    response.json = {"visits": app["visits"]}
