"""`dev amend`: a fix of an early step, carried through the later ones.

Knows: its words on the command line, what is said of the result.
Does not know: git, merging.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from workshop.errors import FAIL, PASS, WorkshopError
from workshop.screen import say
from workshop.steps import all_steps, find
from workshop.verbs import START, dev, verb

if TYPE_CHECKING:
    from workshop.amend import Outcome


@verb(
    "amend",
    "dev amend 02",
    "dev amend 02 --dry-run",
    "dev amend 02 --from main",
    at=dev,
)
def amend(
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="The step that was fixed.")
    ],
    revision: Annotated[
        str,
        typer.Option(
            "--from", metavar="REV", help="Changes since this commit."
        ),
    ] = "HEAD",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say it, write nothing.")
    ] = False,
) -> int:
    """Carry what was changed in a step through the later steps.

    Its app.py, rooms and extensions, as they are now and as they were in the
    last commit: the difference is merged into each later step. Where that is
    impossible, marks are left in the file. Tests, cards and bench.py belong
    to their own step alone.
    """
    from workshop import amend

    chosen = find(step)
    known = all_steps()
    later = [each.folder for each in known[known.index(chosen) + 1 :]]
    if not later:
        raise WorkshopError(
            f"{chosen.number} is the last step: there is none to carry to."
        )
    found = amend.outcomes(chosen.folder, later, revision)
    for one in found:
        say(one.text())
    if not dry_run:
        amend.write(found)
    return concluded(found, chosen.number, revision, dry_run)


def advice(conflicts: list["Outcome"], revision: str) -> str:
    """Say how conflicts are settled, and how it goes on behind them."""
    marked = any(one.conflicts for one in conflicts)
    mend = "Mend what stands between <<<<<<< and >>>>>>>"
    if not marked:
        mend = "Mend or remove the files that stay"
    first = conflicts[0].folder.name[:2]
    if first == all_steps()[-1].number:
        return f"{mend}; then let the tests tell: `{START} test`."
    since = "" if revision == "HEAD" else f" --from {revision}"
    return f"{mend}; then `{START} dev amend {first}{since}` carries it on."


def concluded(
    found: list["Outcome"], step: str, revision: str, dry_run: bool
) -> int:
    """Say what is to be done next; return the exit status."""
    words = [one.word for one in found]
    conflicts = [one for one in found if one.word == "conflict"]
    if not found:
        say(f"The code of {step} is as in {revision}: nothing to carry.")
    elif dry_run:
        say("Nothing was written: --dry-run.")
    elif conflicts:
        say(f"Conflicts: {len(conflicts)}. {advice(conflicts, revision)}")
    elif {"carried", "removed"} & {*words}:
        say(f"Carried. Now let the tests tell: `{START} test`.")
    return FAIL if conflicts else PASS
