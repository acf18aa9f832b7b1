"""Recognize fields that came before, and read the request line alone.

Knows: request lines, blocks of fields.
Does not know: httptools, sockets, tasks, who answers.
"""

import re

from parsing import RequestParser

METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
LINE = re.compile(rf'({METHODS}) (/[!"$-~]*) HTTP/1\.1')
# With one of these it takes more than a length to tell what follows.
DEMANDING = {b"transfer-encoding", b"expect"}


class RecallingParser(RequestParser):
    """Lets httptools read the fields of a head once, for all clients.

    Most heads differ from others in their first line alone. What is known
    passed every check: only a whole request without an error is remembered.
    """

    max_known = 256  # blocks of fields, each shorter than a slice
    known = {}  # block: fields, whether to keep alive, length of content

    def parse(self, data):
        """Take a slice if all of it is known, or else feed httptools."""
        requests = None
        if self.head is None and self.request is None and not self.finished:
            try:
                requests = self.recall(data)
            except Exception:  # A path may be no text: httptools tells.
                requests = None
        if requests:
            self.requests += requests
            self.target = requests[-1].url
            self.finished = not requests[-1].keep_alive
        else:
            super().parse(data)
            self.remember(data)

    def recall(self, data):
        """Return the requests in a slice, or None if it is not known."""
        requests, keep_alive = [], True
        while data and keep_alive:
            line, _, block = data.partition(b"\r\n")
            content = b""
            if block not in self.known:
                block, end, content = block.partition(b"\r\n\r\n")
                block += end
            known = self.known.get(block)
            found = known and LINE.fullmatch(line.decode("latin-1"))
            if not found or len(content) < known[2]:
                return None
            method, target = found.groups()
            fields, keep_alive, length = known
            request = self.app.Request(self.app, method, target, "1.1", fields)
            request.keep_alive, request.complete = keep_alive, True
            if length:
                request.length, request.content = length, None
                request.arrived = bytearray(content[:length])
            data = content[length:]
            requests.append(request)
        return requests

    def remember(self, data):
        """Keep the fields of a request that came alone, whole and plain."""
        whole = self.head is None and self.request is None
        if len(self.requests) != 1 or self.error or not whole:
            return
        (request,) = self.requests
        block, end, _ = data.partition(b"\r\n")[2].partition(b"\r\n\r\n")
        plain = b"\r\n".join([b"%b: %b" % field for field in request.fields])
        names = {name.lower() for name, _ in request.fields}
        if block == plain and request.version == "1.1":
            if names.isdisjoint(DEMANDING):
                if len(self.known) >= self.max_known:
                    self.known.clear()
                known = request.fields, request.keep_alive, request.length
                self.known[block + end] = known
