"""Show the speaker's notes in a second terminal, beside the talk.

Knows: `work/progress.toml`, in which the presenter keeps where it is.
Does not know: the presenter's process; keys but q.
"""

import textwrap
import time

from rich.text import Text

from workshop import keys, present, screen, work
from workshop.cues import head, note_of, paint, size, spelled, title
from workshop.errors import PASS, WorkshopError
from workshop.present import Play, clock
from workshop.screen import say
from workshop.steps import all_steps, find

TICK = 0.2  # seconds between two looks


class Notes:
    """The speaker's notes: follows what the presenter keeps in work/."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self.play = Play(present.checked(work.progress()), minutes)

    def refresh(self) -> None:
        """Read where the talk is; keep the last place if it cannot be."""
        try:
            path = work.folder() / work.STATE
            if path.stat().st_size:  # It may just be written.
                known = present.checked(work.progress())
                self.play = Play(known, self.minutes)
        except (OSError, WorkshopError):
            pass

    def lines(self, width: int) -> list[str]:
        """Return all that a speaker wants to know now."""
        play, total = self.play, 60 * self.minutes
        left = max(0.0, total - play.spent())
        told = [
            head(play),
            "",
            *(textwrap.wrap(note_of(play), width) or ["(no note)"]),
            "",
            f"Next: {self.coming()}",
            "",
            f"{clock(play.spent())} of {clock(total)}, {clock(left)} left:"
            f" {play.pace()}",
        ]
        return [
            spelled(x) for t in told for x in textwrap.wrap(t, width) or [""]
        ]

    def coming(self) -> str:
        """Return the next hunk with its note, or the next step."""
        play, note = self.play, self.play.following
        if play.over:
            return "nothing"
        if note:
            return f"{title(note)}. {note.note}"
        at = all_steps().index(play.step) + 1
        if at == len(all_steps()):
            return "the end"
        following = find(all_steps()[at].number)
        return f"step {following.number}, {following.data.get('sentence', '')}"


def notes_on_screen(minutes: float) -> None:
    """Show the notes on the whole terminal until q."""
    notes, drawn = Notes(minutes), None
    with keys.full_screen() as keyboard:
        while True:
            width, height = size()
            lines = notes.lines(width)[: height - 1]
            lines += [""] * (height - 1 - len(lines)) + ["q quit"]
            if lines != drawn:
                drawn = lines
                paint([Text(line) for line in lines])
            if keyboard.read(TICK) == "q":
                return
            notes.refresh()


def notes_by_lines(minutes: float) -> None:
    """Print the notes each time the talk goes on, until Ctrl-C."""
    notes, told = Notes(minutes), None
    say("The notes follow the talk, until Ctrl-C.")
    while True:
        if notes.play.key != told:
            told = notes.play.key
            for line in notes.lines(screen.WIDE):
                say(line)
            say("")
            if notes.play.over:
                return
        time.sleep(TICK)
        notes.refresh()


def show_notes(minutes: float) -> int:
    """Show the speaker's notes beside the talk."""
    if keys.usable():
        notes_on_screen(minutes)
    else:
        notes_by_lines(minutes)
    return PASS
