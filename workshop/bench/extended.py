"""Serve an app with the extensions named in `EXTENSIONS`.

Knows: the app and its extensions, as any user of pico does.
Does not know: that it is measured.

It is the app of the file `APP`, or else of the step's own app.py. The log
goes to the null device: we price the logger, not the disk.
"""

import importlib
import os
import runpy
from pathlib import Path

if "APP" in os.environ:
    app = runpy.run_path(os.environ["APP"])["app"]
else:
    app = importlib.import_module("app").app
HERE = Path(__file__).parent
NULL = Path(os.devnull).open("w")  # noqa: SIM115 (as long as we serve)
# Where nothing is sensible by itself; the rest is activated by its name.
ARGUMENTS: dict[str, dict[str, object]] = {
    "cors": {"origin": "https://example.org"},
    "logger": {"stream": NULL},
    "mount": {
        "prefix": "/other",
        "other": importlib.import_module("pico").Pico(),
    },
    "rate_limit": {"limit": 10**9},  # We ask more than anybody may.
    "static": {"root": HERE},
}

for name in filter(None, os.environ["EXTENSIONS"].split(",")):
    extension = getattr(importlib.import_module(f"extensions.{name}"), name)
    extension(app, **ARGUMENTS.get(name, {}))

if __name__ == "__main__":
    app.run()
