"""Serve the contract application to clients that stay for an hour.

Knows: the application, as any user of pico does.
Does not know: that its memory is measured.
"""

import runpy
from pathlib import Path

WIRE_APP = Path(__file__).resolve().parent.parent / "wire_app.py"
HOUR = 3600

app = runpy.run_path(str(WIRE_APP))["app"]
app.Protocol.keep_alive_timeout = HOUR
app.Protocol.write_timeout = HOUR

if __name__ == "__main__":
    app.run()
