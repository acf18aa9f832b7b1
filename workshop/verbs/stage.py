"""Verbs of whoever stands in front: present, schedule.

Knows: words on the command line.
Does not know: how a talk is given or planned.
"""

from typing import Annotated

import typer

from workshop import screen
from workshop.errors import PASS, WorkshopError
from workshop.screen import say
from workshop.verbs import START, verb


@verb(
    "present",
    "present",
    "present 03 --minutes 20",
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
) -> int:
    """Tell the steps on stage: each Enter applies the next hunk to work/.

    Each hunk has its note, its check and its price; a clock says whether
    you are ahead of the plan. work/ is backed up first, and the talk goes
    on where it was left. Where there is no terminal, or with --plain, each
    line that is read is one key.
    """
    from workshop import prompter, speaker
    from workshop.schedule import LONGEST

    if sum((back, notes, number is not None)) > 1:
        raise WorkshopError(
            "NN, --back and --notes are three things to do: give one of them."
        )
    if not minutes <= LONGEST:  # Nor is what is no number.
        raise WorkshopError(
            f"A talk of {minutes:g} minutes cannot be planned: give at most"
            f" {LONGEST}."
        )
    if back:
        return prompter.undo_last()
    if notes:
        return speaker.show_notes(minutes)
    return prompter.run(number, minutes)


@verb(
    "schedule",
    "schedule",
    "schedule --minutes 180 --start 14:00",
    "schedule --minutes 60 --steps 01,02,03",
    "schedule --markdown",
)
def schedule(
    minutes: Annotated[
        int, typer.Option(help="All the time there is, with breaks.")
    ] = 90,
    start: Annotated[str, typer.Option(help="When it begins.")] = "10:00",
    steps: Annotated[
        str | None, typer.Option(help="Only these steps: 01,02,03.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="To paste it somewhere.")
    ] = False,
) -> int:
    """Lay out a workshop: what begins when, and what to leave out if late.

    A break of ten minutes comes after at most fifty.
    """
    from workshop import schedule

    begin = schedule.time_of(start)
    parts = schedule.sheet(schedule.steps_of(steps), minutes)
    show = printed if markdown else listed
    show(["at", "min", "what", "command"], schedule.rows(parts, begin))
    say("")
    say("If it gets late, leave out from the top:")
    if markdown:
        say("")
    heads = ["leave out", "saves", "in all", "they type instead"]
    show(heads, schedule.saved(parts))
    say("")
    say(f"Commands follow `{START}`, on each attendee's machine or on yours.")
    return PASS


def listed(heads: list[str], body: list[tuple[str, ...]]) -> None:
    """Show a table on the screen."""
    figures = {"min": ">min", "saves": ">saves", "in all": ">in all"}
    made = screen.table(*(figures.get(head, head) for head in heads))
    for row in body:
        made.add_row(*row)
    screen.console().print(made)


def printed(heads: list[str], body: list[tuple[str, ...]]) -> None:
    """Show a table in Markdown."""
    from workshop import schedule

    for line in schedule.markdown(heads, body).splitlines():
        screen.console().print(line, soft_wrap=True, markup=False)
