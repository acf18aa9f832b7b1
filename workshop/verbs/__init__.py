"""How a verb of the workshop is registered.

Knows: typer, examples below a verb's help, Ctrl-C.
Does not know: any verb.

A file in this folder registers its verbs when `workshop.cli` imports it.
"""

import functools
import importlib.util
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer
import typer.core

from workshop import screen
from workshop.errors import ENVIRONMENT, INTERRUPTED, WorkshopError

PROSE = "python3 start.py"  # What pages say, and a person types.
START = "py start.py" if sys.platform == "win32" else PROSE
Verb = TypeVar("Verb", bound=Callable[..., int])
WITH_HELP = {"help_option_names": ["-h", "--help"]}

LOW = 50  # rows of a window: fewer do not hold a sentence for each verb
LONG = 200  # letters of a first sentence, which is wrapped, not cut
# Who needs a verb, in the order of the help; what is not named comes last.
READERS = {
    "To learn": "begin check hint watch status diff solve goto reset undo",
    "To look closer": "list serve send ladder bench memory doctor docs",
    "To teach": "present talk schedule wheelhouse",
    "To change the workshop": "dev",
    "More": "",
}


class Readers(typer.core.TyperGroup):
    """The verbs, grouped by who needs them."""

    def format_commands(self, context: Any, formatter: Any) -> None:
        """Write a section for each group; a low window gets the names."""
        groups = self.groups(context)
        if screen.low(LOW):
            named = [(t, ", ".join(names)) for t, names in groups.items()]
            with formatter.section("Verbs"):
                formatter.write_dl(named)
            formatter.write_paragraph()
            formatter.write_text("A taller window says what each is for.")
            return
        width = max(len(name) for names in groups.values() for name in names)
        for title, names in groups.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(n.ljust(width), self.summary(context, n)) for n in names]
                )

    def groups(self, context: Any) -> dict[str, list[str]]:
        """Return the verbs that there are, by who needs them."""
        left = self.list_commands(context)
        found = {}
        for title, names in READERS.items():
            chosen = names.split() if names else left
            found[title] = [name for name in chosen if name in left]
            left = [name for name in left if name not in chosen]
        return {title: names for title, names in found.items() if names}

    def summary(self, context: Any, name: str) -> str:
        """Return the first sentence of a verb's help, whole."""
        command = self.get_command(context, name)
        return command.get_short_help_str(LONG) if command else ""


app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=Readers)
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
