"""Serve the files of a folder.

Knows: app, request, response; files.
Does not know: the connection.
"""

import asyncio
import mimetypes
from pathlib import Path

from messages import HttpError

PIECE = 64 * 1024  # bytes read at once, in a thread


def static(app, prefix="/static/", root=".", index="index.html"):
    """Serve the files below `root`, and nothing that lies elsewhere."""
    root = Path(root).resolve()

    @app.route(prefix)
    @app.route(f"{prefix}{{path:path}}")
    async def serve(request, response, path=""):
        file = await asyncio.to_thread(find, root, path, index)
        kind, encoding = mimetypes.guess_type(file.name)
        kind = "application/octet-stream" if encoding else kind
        response.headers["content-type"] = kind or "application/octet-stream"
        response.headers["content-length"] = file.stat().st_size
        response.body = pieces(file)


def find(root, path, index):
    """Return the file of a path; 404 unless it is one, and below `root`.

    The path is resolved before it is compared: `..`, symbolic links and
    absolute paths (`//etc/passwd`) lead nowhere else.
    """
    try:
        file = (root / path).resolve()
        if file.is_dir():
            file = (file / index).resolve()
        elif path.endswith(("/", "/.")):
            raise HttpError(404)
        inside = file.is_relative_to(root) and file.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # loop, NUL, long
        raise HttpError(404) from error
    if not inside or "\\" in path:  # the slash of Windows
        raise HttpError(404)
    return file


async def pieces(file):
    """Yield what a file holds, reading in a thread: disks may be slow."""
    with await asyncio.to_thread(file.open, "rb") as opened:
        while piece := await asyncio.to_thread(opened.read, PIECE):
            yield piece
