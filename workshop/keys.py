"""Read single keys from a terminal, and give it back as it was.

Knows: termios, msvcrt, what keys send.
Does not know: what a key is for.

    with Keyboard() as keyboard:
        keyboard.read(0.2)        "enter", "down", "q", or None: nothing yet

Ctrl-C stays what it is. Ctrl-Z does nothing: who stops a full screen would
leave the terminal as it should not be.
"""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Protocol, Self

from workshop import screen

NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "back",
    "\b": "back",
    " ": "space",
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "space",
    "\x04": "q",  # Ctrl-D
}
# What Windows sends after a NUL or an E0.
SPECIAL = {"H": "up", "P": "down", "I": "page up", "Q": "space"}
SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)?")  # of any key
REST = 0.05  # seconds for the rest of what one key sends


class Keys(Protocol):
    """Whatever says which key was pressed."""

    def read(self, seconds: float) -> str | None:
        """Return the next key; None if none came in time."""


def usable() -> bool:
    """Return whether there is a terminal to draw on and to read keys of."""
    console = screen.console()
    drawn = console.is_terminal and not console.is_dumb_terminal
    return drawn and not console.legacy_windows and sys.stdin.isatty()


@contextlib.contextmanager
def full_screen() -> Iterator[Keys]:
    """Take the whole terminal, until the end; then it is as before."""
    with Keyboard() as keyboard, screen.console().screen():
        yield keyboard


def taken(heard: str) -> tuple[str, str]:
    """Return the first key of what was heard, and the rest.

    >>> taken("\\x1b[Bq"), taken("\\x1b[bq")  # of the other nothing is known
    (('down', 'q'), ('', 'q'))
    """
    for sent in sorted(NAMES, key=len, reverse=True):
        if heard.startswith(sent):
            return NAMES[sent], heard[len(sent) :]
    unknown = SEQUENCE.match(heard)
    if unknown:
        return "", heard[unknown.end() :]
    return heard[0], heard[1:]


if sys.platform == "win32":
    import msvcrt

    class Keyboard:
        """The console of Windows."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exc_info: object) -> None:
            pass

        def read(self, seconds: float) -> str | None:
            """Return the next key; None if none came in time."""
            end = time.monotonic() + seconds
            while not msvcrt.kbhit():
                if time.monotonic() > end:
                    return None
                time.sleep(REST)
            letter = msvcrt.getwch()
            if letter == "\x03":
                raise KeyboardInterrupt
            if letter in "\x00\xe0":
                return SPECIAL.get(msvcrt.getwch(), "")
            return taken(letter)[0]

else:
    import select
    import termios
    import tty

    class Keyboard:
        """A terminal, of which each key is read at once."""

        def __init__(self) -> None:
            self.number = sys.stdin.fileno()
            self.heard = ""

        def __enter__(self) -> Self:
            self.before = termios.tcgetattr(self.number)
            tty.setcbreak(self.number)
            mode = termios.tcgetattr(self.number)
            mode[6][termios.VSUSP] = os.fpathconf(self.number, "PC_VDISABLE")
            termios.tcsetattr(self.number, termios.TCSANOW, mode)
            return self

        def __exit__(self, *exc_info: object) -> None:
            termios.tcsetattr(self.number, termios.TCSADRAIN, self.before)

        def read(self, seconds: float) -> str | None:
            """Return the next key; None if none came in time."""
            if not self.heard and not self.hear(seconds):
                return None
            if self.heard == "\x1b":
                self.hear(REST)
            key, self.heard = taken(self.heard)
            return key

        def hear(self, seconds: float) -> bool:
            """Take what has come; "q" where the terminal is gone."""
            ready, _, _ = select.select([self.number], [], [], seconds)
            if ready:
                data = os.read(self.number, 1024)
                self.heard += data.decode("utf-8", "replace") or "q"
            return bool(ready)
