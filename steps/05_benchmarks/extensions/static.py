"""Serve the files of a folder, whole or in part.

Knows: app, request, response; files, conditions, ranges (RFC 9110, 13, 14).
Does not know: the connection.
"""

import asyncio
import logging
import re
from email.utils import formatdate, mktime_tz, parsedate_tz
from mimetypes import MimeTypes
from pathlib import Path

from messages import HttpError

logger = logging.getLogger("pico")
PIECE = 64 * 1024  # bytes read at once, in a thread
TYPES = MimeTypes()  # Python's own: the registry of Windows may be wrong
TAG = re.compile(r'"[^"]*"')
# How each of the three forms of a date ends (RFC 9110, 5.6.7).
DATE = re.compile(r".*:\d\d (?:GMT|\d{4})")
# One range; many are answered with the whole file (RFC 9110, 14.2).
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))", re.I)
# Slashes, streams and devices of Windows, which are not files there.
DEVICE = r"(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)"
FOREIGN = re.compile(rf"[\\:]|(?:^|/){DEVICE}[ .]*(?:\.[^/]*)?(?:/|$)", re.I)


def static(
    app, prefix="/static/", root="static", index="index.html", name="static"
):
    """Serve the files below `root`, and nothing that lies elsewhere."""
    root, prefix = Path(root).resolve(), prefix.rstrip("/") + "/"
    if not root.is_dir():
        logger.warning("%s is no folder: its files are not found.", root)

    @app.route(prefix)
    @app.route(f"{prefix}{{path:path}}", name=name)
    async def serve(request, response, path=""):
        file, stat = await asyncio.to_thread(find, root, path, index)
        describe(response, file, stat)
        if known(request, response):
            response.status = 304
            return
        start, stop = wanted(request, response, stat.st_size)
        response.headers["content-length"] = stop - start
        response.body = pieces(file, start, stop)


def find(root, path, index):
    """Return the file at a path; 404 unless it is a file below `root`.

    The path is resolved before it is compared: `..` and symbolic links lead
    nowhere else. Absolute paths (`//etc/passwd`) are not looked at.
    """
    if path.startswith("/") or FOREIGN.search(path):
        raise HttpError(404)
    try:
        file = (root / path).resolve()
        if file.is_dir():
            file = (file / index).resolve()
        elif path.endswith(("/", "/.")):
            raise HttpError(404)
        if not (file.is_relative_to(root) and file.is_file()):
            raise HttpError(404)
        return file, file.stat()
    except (OSError, RuntimeError, ValueError) as error:  # loop, NUL, long
        raise HttpError(404) from error


def describe(response, file, stat):
    """Say what a file is, and which version of it."""
    kind, encoding = TYPES.guess_type(file.name, strict=False)
    kind = "application/octet-stream" if encoding else kind
    response.headers["content-type"] = kind or "application/octet-stream"
    response.headers["accept-ranges"] = "bytes"
    response.headers["etag"] = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    modified = formatdate(stat.st_mtime, usegmt=True)
    response.headers["last-modified"] = modified


def known(request, response):
    """Return whether the client has this version (RFC 9110, 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        found = TAG.findall(tags)
        return tags.strip() == "*" or response.headers["etag"] in found
    given = request.headers.get("if-modified-since", "")
    try:
        since = DATE.fullmatch(given) and mktime_tz(parsedate_tz(given))
        ours = mktime_tz(parsedate_tz(response.headers["last-modified"]))
        return since is not None and ours <= since
    except (IndexError, TypeError, ValueError, OverflowError):
        return False  # an invalid date does not count


def wanted(request, response, size):
    """Return where to start and stop; a part of the file is a 206."""
    asked = RANGE.fullmatch(request.headers.get("range", ""))
    headers, tag = response.headers, response.headers["etag"]
    # A date does not identify a file: it may have been sent compressed.
    same = request.headers.get("if-range", tag) == tag
    if not (asked and same and request.method == "GET"):
        return 0, size
    first, last, suffix = asked.groups()
    start = int(first) if first else max(size - int(suffix), 0)
    stop = min(int(last) + 1, size) if last else size
    if (last and int(last) < int(first)) or (suffix and not size):
        return 0, size  # Not a range; or the end of an empty file: all of it.
    if start >= size:
        raise HttpError(416, headers={"content-range": f"bytes */{size}"})
    response.status = 206
    headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    return start, stop


async def pieces(file, start, stop):
    """Yield a part of a file, read in a thread: disks may be slow."""
    with await asyncio.to_thread(file.open, "rb") as opened:
        opened.seek(start)
        while start < stop:
            size = min(PIECE, stop - start)
            piece = await asyncio.to_thread(opened.read, size)
            if not piece:  # the file was cut meanwhile
                break
            start += len(piece)
            yield piece
