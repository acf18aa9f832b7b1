"""Serve a step's app that burns some CPU time with each request.

Knows: the app, how often a loop turns for a request (`BURN`).
Does not know: which share of a request that is, that it is measured.
"""

import importlib
import os
from typing import Any

app: Any = importlib.import_module("app").app
TURNS = range(int(os.environ["BURN"]))
Protocol: Any = app.Protocol


class Burning(Protocol):  # type: ignore[misc]
    """A connection that turns in circles before it reads."""

    def data_received(self, data: bytes) -> None:
        for _ in TURNS:
            pass
        super().data_received(data)


app.Protocol = Burning

if __name__ == "__main__":
    app.run()
