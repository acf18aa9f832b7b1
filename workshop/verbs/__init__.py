"""How a verb of the workshop is registered.

Knows: typer, examples below a verb's help, Ctrl-C.
Does not know: any verb.

A file in this folder registers its verbs when `workshop.cli` imports it.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from workshop import screen
from workshop.errors import ENVIRONMENT, INTERRUPTED, WorkshopError

START = "python3 start.py"  # What a person types; with .venv it is our -m.
Verb = TypeVar("Verb", bound=Callable[..., int])
WITH_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(add_completion=False, rich_markup_mode=None)
dev = typer.Typer(rich_markup_mode=None)
app.add_typer(dev, name="dev", help="Check the steps, or your own folder.")


def verb(
    name: str, *examples: str, at: typer.Typer = app
) -> Callable[[Verb], Verb]:
    """Register a verb; its help ends with examples that can be typed."""
    lines = "\n".join(f"  {START} {example}" for example in examples)
    epilog = f"\b\nExamples:\n{lines}"

    def register(function: Verb) -> Verb:
        command = at.command(name, epilog=epilog, context_settings=WITH_HELP)
        command(interruptible(function))
        return function

    return register


def interruptible(function: Callable[..., int]) -> Callable[..., int]:
    """Return a verb that says so when it is interrupted."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> int:
        try:
            return function(*args, **options)
        except KeyboardInterrupt:
            screen.complain("Interrupted: what was started is ended.")
            return INTERRUPTED

    return run


def need(package: str) -> None:
    """Raise a sentence unless a package is installed."""
    if importlib.util.find_spec(package) is None:
        raise WorkshopError(
            f"{package} is not installed here: `{START} test` or"
            f" `{START} docs` installs what these verbs need.",
            ENVIRONMENT,
        )
