"""Serve a step's own app.py with the extensions named in `EXTENSIONS`.

Knows: the app and its extensions, as any user of pico does.
Does not know: that it is measured.

The log goes to the null device: we price the logger, not the disk.
"""

import importlib
import os
from pathlib import Path

app = importlib.import_module("app").app
HERE = Path(__file__).parent
NULL = Path(os.devnull).open("w")  # noqa: SIM115 (as long as we serve)
ARGUMENTS: dict[str, dict[str, object]] = {
    "cors": {"origin": "https://example.org"},
    "logger": {"stream": NULL},
    "static": {"root": HERE},
}

for name in filter(None, os.environ["EXTENSIONS"].split(",")):
    extension = getattr(importlib.import_module(f"extensions.{name}"), name)
    extension(app, **ARGUMENTS.get(name, {}))

if __name__ == "__main__":
    app.run()
