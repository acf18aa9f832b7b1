"""Recognize fields that came before, and read the request line alone.

Knows: request lines, blocks of fields.
Does not know: httptools, sockets, tasks, who answers.
"""

import re

from parsing import SLICE, RequestParser

METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
LINE = re.compile(rf'({METHODS}) (/[!"$-~]*) HTTP/1\.1')
# With one of these, a length is not enough to tell what follows.
DEMANDING = {b"transfer-encoding", b"expect"}


class RecallingParser(RequestParser):
    """Lets httptools read the fields of a head once, for all clients.

    Most heads differ from others in their first line alone. What is known
    passed every check: only whole requests without an error are remembered.
    """

    max_known = 256  # blocks of fields, each shorter than a slice
    # block: fields, whether to keep alive, length of content if it has one
    known = {}
    # After so many new requests in a row we stop looking: a proxy may give
    # each one a number.
    max_new = 16
    left = max_new
    small = SLICE  # bytes of a piece in which no limit can be exceeded

    def __init_subclass__(cls):
        """Let a class with other limits know only what passed them."""
        cls.known = {}
        cls.small = min(SLICE, cls.max_target, cls.max_head)

    def feed(self, data):
        """Take a piece if all of it is known, or else feed httptools."""
        idle = self.head is None and self.request is None and self.left
        waiting = self.unparsed or self.requests or self.finished
        if waiting or not idle or len(data) > self.small:
            return super().feed(data)
        try:
            known = self.recall(data)
        except Exception:  # A path may not be text: httptools will say so.
            known = False
        if not known:
            self.requests.clear()
            super().feed(data)
            self.remember(data)

    def recall(self, data):
        """Take the requests of a piece; return whether all are known."""
        while data and len(self.requests) < self.max_waiting:
            line, _, block = data.partition(b"\r\n")
            known, content = self.known.get(block), b""
            if known is None:
                block, end, content = block.partition(b"\r\n\r\n")
                known = self.known.get(block + end)
            found = known and LINE.fullmatch(line.decode())
            if not found or len(content) < (known[2] or 0):
                return False
            fields, alive, length = known
            method, url = found.groups()
            request = self.app.Request(self.app, method, url, "1.1", fields)
            request.keep_alive, request.complete = alive, True
            if length is not None:
                request.length, request.content = length, None
                request.arrived = content[:length]
            self.requests.append(request)
            self.target, self.finished = b"", not alive
            data = content[length:] if alive else b""
        self.left, self.overhead = self.max_new, -SLICE
        return not data and bool(self.requests)

    def remember(self, data):
        """Keep the fields of the first request, if all came whole."""
        self.left -= 1
        whole = self.head is None and self.request is None
        if not self.requests or not whole:
            return
        request = self.requests[0]
        block, end, _ = data.partition(b"\r\n")[2].partition(b"\r\n\r\n")
        plain = b"\r\n".join([b"%b: %b" % field for field in request.fields])
        names = {name.lower() for name, _ in request.fields}
        if block == plain and request.version == "1.1":
            if names.isdisjoint(DEMANDING):
                if len(self.known) >= self.max_known:
                    self.known.clear()
                length = request.length if request.content is None else None
                known = request.fields, request.keep_alive, length
                self.known[block + end] = known
