"""Serve the files of a folder, below two paths.

Knows: pico, one extension.
Does not know: which files there are.
"""

from extensions.static import static
from pico import Pico

app = Pico()
static(app, root="public")
static(app, prefix="/manual/", root="manual", index="start.html")
