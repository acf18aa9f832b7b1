"""Read forms that carry files: multipart/form-data (RFC 7578).

Knows: request; parts, fields, files, limits on them.
Does not know: the connection; what a file is for.
"""

import asyncio
import re
import weakref
from functools import cached_property, partialmethod
from tempfile import SpooledTemporaryFile

from messages import HttpError, Query

try:
    from multipart import (
        MultipartError,
        MultipartSegment,
        ParserLimitReached,
        PushMultipartParser,
        parse_options_header,
    )
except ImportError as error:
    raise ImportError(
        "forms needs multipart: pip install multipart"
    ) from error

MULTIPART = "multipart/form-data"
SPOOL = 16 * 1024  # bytes of a file in memory; what is larger is on disk
MAX_BOUNDARY = 70  # characters (RFC 2046, 5.1.1)
UNFIT = re.compile(r"[\x00-\x1f\x7f]|^.*[/\\]", re.S)


def forms(app, max_content=32 * 2**20, max_file=16 * 2**20, max_parts=100):
    """Let `request.form` and `request.files` hold what a form carries.

    All fields together may be as long as the content of other requests,
    `app.Request.max_content`. What goes beyond a limit is a 413.
    """
    limits = {"max_segment_size": max_file, "max_segment_count": max_parts}

    class Request(app.Request):
        # Only those that a form brings.
        files = cached_property(lambda self: unread(self) or app.Files(""))

        @cached_property
        def form(self):
            """The fields that a form brings."""
            unread(self)
            return super().form

        async def load_body(self):
            """Read the whole content; a form is read part by part."""
            if self.content_type != MULTIPART:
                return await super().load_body()
            if self.content is not None and not self.arrived:
                return self.content
            form = Form(app, self.max_content)
            try:
                await form.read(self, max_content, limits)
            except MultipartError as error:
                raise refusal(error) from error
            finally:
                if not form.complete:
                    form.drop()
            self.form, self.files = form.fields, form.files
            self.content = b""  # It was read, and is in the form now.
            return self.content

    app.Request = Request
    app.Files = getattr(app, "Files", Files)  # or those of a subclass


def refusal(error):
    """Return what to answer to a form that cannot be read."""
    status = 413 if isinstance(error, ParserLimitReached) else 400
    return HttpError(status, f"The form cannot be read: {error.args[0]}.")


def unread(request):
    """Say how to read a form, if there is one that nobody has read."""
    if request.content_type == MULTIPART and request.content != b"":
        raise RuntimeError("Read a form with `await request.load_body()`.")


class Files(Query):
    """Lists of files by name; asking for what is not there is a 400."""

    get = partialmethod(Query.get, cast=lambda upload: upload)


class Upload:
    """A file that came with a form; it is closed once nobody holds it.

    Its name is what the client says, without folders: do not trust it.
    """

    def __init__(self, name, content_type):
        self.filename = UNFIT.sub("", name)
        self.content_type = content_type or "application/octet-stream"
        self.size = 0
        self.file = SpooledTemporaryFile(SPOOL)  # noqa: SIM115
        weakref.finalize(self, self.file.close)

    def read(self, size=-1):
        """Return bytes; if the file is large, call this in a thread."""
        return self.file.read(size)

    async def write(self, piece):
        self.size += len(piece)
        if self.size > SPOOL:
            await asyncio.to_thread(self.append, piece)
        else:
            self.append(piece)

    def append(self, piece):
        self.file.write(piece)


class Form:
    """The parts of one form, as they come."""

    def __init__(self, app, max_fields):
        self.fields, self.files = app.Form(""), app.Files("")
        self.room = max_fields  # bytes that fields may still take
        self.complete = False

    def drop(self):
        """Let go of all files, so that they are closed."""
        self.files.clear()
        self.value = None

    async def read(self, request, left, limits):
        """Read the content of a request, up to `left` bytes."""
        _, options = parse_options_header(request.headers["content-type"])
        boundary = options.get("boundary", "")[: MAX_BOUNDARY + 1]
        if request.length > left:
            raise ParserLimitReached("It is too long")
        if len(boundary) > MAX_BOUNDARY:
            raise MultipartError("Its boundary is too long")
        with PushMultipartParser(boundary, **limits) as parser:
            async for piece in request:
                left -= len(piece)
                if left < 0:
                    raise ParserLimitReached("It is too long")
                for event in parser.parse(piece):
                    await self.take(event)
        self.complete = True

    async def take(self, event):
        """Begin a part, end it, or add to it."""
        if isinstance(event, MultipartSegment):
            self.begin(event)
        elif event is None:
            self.end()
        elif isinstance(self.value, Upload):
            await self.value.write(event)
        else:
            self.room -= len(event)
            if self.room < 0:
                raise ParserLimitReached("Its fields are too long")
            self.value += event

    def begin(self, segment):
        self.name, self.value = segment.name, bytearray()
        if segment.filename is not None:
            self.value = Upload(segment.filename, segment.content_type)

    def end(self):
        """Keep a part; a file without a name is one that nobody chose."""
        values, value = self.files, self.value
        if isinstance(value, bytearray):
            values, value = self.fields, value.decode(errors="replace")
        else:
            value.file.seek(0)
        if values is self.fields or value.filename or value.size:
            values.setdefault(self.name, []).append(value)
