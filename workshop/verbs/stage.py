"""Verbs of whoever stands in front: present, schedule.

Knows: words on the command line.
Does not know: how a talk is given or planned.
"""

from typing import Annotated

import typer

from workshop.errors import WorkshopError
from workshop.verbs import verb


@verb(
    "present",
    "present",
    "present 03 --minutes 20",
    "present --back",
    "present --notes",
)
def present(
    number: Annotated[
        str | None,
        typer.Argument(metavar="NN", help="Begin with this step, anew."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="How long the whole talk takes.", min=1)
    ] = 10.0,
    back: Annotated[
        bool, typer.Option("--back", help="Undo the last hunk.")
    ] = False,
    notes: Annotated[
        bool,
        typer.Option("--notes", help="Show the notes, beside the talk."),
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Line by line: one line is one key."),
    ] = False,
) -> int:
    """Tell the steps on stage: each Enter applies the next hunk to work/.

    Each hunk has its note, its check and its price; a clock says whether
    you are ahead of the plan. work/ is backed up first, and the talk goes
    on where it was left.
    """
    from workshop import prompter

    if sum((back, notes, number is not None)) > 1:
        raise WorkshopError(
            "NN, --back and --notes are three things to do: give one of them."
        )
    if back:
        return prompter.undo_last()
    if notes:
        return prompter.show_notes(minutes, plain)
    return prompter.run(number, minutes, plain)
