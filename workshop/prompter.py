"""Give the talk: on the whole terminal, or line by line.

Knows: what each key does, when a place is drawn and proved.
Does not know: how a hunk is applied, proved or laid out.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.text import Text

from workshop import keys, present, screen, work
from workshop.course import Note, sentence
from workshop.cues import (
    clock_line,
    head,
    note_of,
    paint,
    question,
    rows,
    size,
    spelled,
    title,
    verdict_line,
    wrapped,
)
from workshop.errors import PASS, WorkshopError
from workshop.present import Play, clock
from workshop.proof import Errand, Kind, Verdict
from workshop.screen import say
from workshop.steps import find
from workshop.verbs import START

TICK = 0.2  # seconds between two looks at keys, clock and proofs
SAVED = 1.0  # seconds after which the time spent is written down
KEYS = "Enter next  b back  space/up/down scroll  c check  n notes  q quit"
ASKED = "Enter: from the presenter's own state   q: leave it as it is"

Paint = Callable[[list[Text]], None]
Size = Callable[[], tuple[int, int]]


# Who reacts to keys


@dataclass
class Proofs:
    """The check and the price of the place that is shown."""

    play: Play
    prices: dict[object, Verdict] = field(default_factory=dict)
    errands: dict[Kind, Errand] = field(default_factory=dict)
    place: object = None

    def follow(self) -> None:
        """Forget what belongs to another place; price this one."""
        if self.place == self.play.key:
            self.take()
            return
        self.end()
        self.place, note = self.play.key, self.play.current
        if note and self.place not in self.prices:
            self.start("price", note, present.expected(self.play.known))

    def start(self, kind: Kind, note: Note, files: present.Files) -> None:
        """Send for a proof, and end one of its kind that is under way."""
        if kind in self.errands:
            self.errands.pop(kind).end()
        step, number = self.play.step, note.hunk.number
        self.errands[kind] = Errand(kind, step, number, files)

    def take(self) -> None:
        """Keep a price that has come."""
        errand = self.errands.get("price")
        if errand and errand.verdict:
            self.prices[self.place] = errand.verdict

    def check(self) -> None:
        """Send for the check of the hunk that is shown, on work/ as it is."""
        note = self.play.current
        if note and note.by and note.shows != "time":
            self.start("check", note, present.contents(work.folder()))

    def end(self) -> None:
        """End what is under way."""
        while self.errands:
            self.errands.popitem()[1].end()

    def check_line(self) -> Text:
        """Say what proves this hunk, or what came out."""
        note = self.play.current
        if note is None or self.play.over:
            return Text("check  of a hunk: after the first one")
        if not note.by:
            return Text("check  none: steps.toml has no note for this hunk")
        if note.shows == "time":
            return Text(f"check  it was measured: {note.by}")
        errand = self.errands.get("check")
        about = sentence(note.by)
        if note.shows == "count":
            about = "what it costs without this hunk"
        if errand is None:
            return verdict_line("check", None, f"c tries it: {about}")
        verdict = errand.verdict
        if verdict and verdict.word == "FAIL" and self.play.following:
            text = f"not yet, hunks are to come: {verdict.text}"
            verdict = Verdict(verdict.word, text)
        return verdict_line("check", verdict, f"is being tried: {about}")

    def price_line(self) -> Text:
        """Say what a hello costs here, and how much more than before."""
        if self.play.current is None or self.play.over:
            return Text("price  of a hello: after the first hunk")
        price = self.prices.get(self.place)
        if price is None or price.counts is None:
            return Text(f"price  {price.text if price else 'is counted'}")
        return Text(f"price  {price.text}{self.more(price.counts)}")

    def more(self, counts: dict[str, float]) -> str:
        """Return the difference to the hunk before, if it was priced."""
        step, hunks, _ = self.play.key
        before = self.prices.get((step, hunks[:-1], False))
        if before is None or before.counts is None:
            return ""
        change = counts["bytecodes"] - before.counts["bytecodes"]
        return f" ({change:+g} bytecodes)" if change else " (as before)"


class Show:
    """The presenter's screen: draws where the talk is, obeys keys."""

    def __init__(
        self,
        play: Play,
        paint: Paint,
        size: Size,
        proofs: Proofs | None = None,
    ) -> None:
        self.play = play
        self.paint = paint
        self.size = size
        self.proofs = proofs or Proofs(play)
        self.with_notes = True
        self.top = 0  # the first row of the code that is shown
        play.reread()
        self.edited = play.edited()
        self.drawn: list[str] = []
        self.laid: tuple[object, list[Text]] = None, []

    def run(self, keyboard: keys.Keys) -> None:
        """Draw and obey until it is quit; end all, keep the place."""
        try:
            while True:
                self.draw()
                key = keyboard.read(TICK)
                if key == "q":
                    return
                if key:
                    self.obey(key)
                self.save()
        finally:
            self.proofs.end()
            if work.folder().is_dir():  # Somebody may have removed it.
                self.play.keep()

    def save(self) -> None:
        """Write down the time spent, for the notes and for the next time."""
        play = self.play
        if play.since is not None and play.now() - play.since >= SAVED:
            play.reread()
            play.keep()

    # Keys

    def obey(self, key: str) -> None:
        """Do what a key is for; other keys do nothing."""
        moves = {"up": -1, "down": 1, "page up": -1, "space": 1}
        if key in moves:
            far = 1 if key in ("up", "down") else max(1, self.room())
            self.scroll(moves[key] * far)
        elif key in ("enter", "b", "back"):
            self.move(key)
        elif key == "n":
            self.with_notes = not self.with_notes
            self.scroll(0)
        elif key == "c" and not self.edited:
            self.proofs.check()

    def move(self, key: str) -> None:
        """Go forth or back; an edited work/ asks first."""
        if self.edited:
            if key == "enter":
                self.take_over()
            return
        self.play.reread()
        self.edited = self.play.edited()
        if self.edited:
            return
        if key == "enter" and not self.play.over:
            self.play.forward()
        elif key != "enter":
            self.play.back()
        self.top = 0

    def take_over(self) -> None:
        """Go on from the presenter's own state; what was there is kept."""
        self.play.reread()
        if self.play.edited():
            work.back_up("present")
            self.play.write()
        self.edited, self.top = [], 0

    def scroll(self, lines: int) -> None:
        """Move the code; its end stays on the screen."""
        most = len(self.rows(self.size()[0])) - self.room()
        self.top = max(0, min(self.top + lines, most))

    # Drawing

    def draw(self) -> None:
        """Paint what is to be seen, if it is not what is seen."""
        self.proofs.follow()
        lines = self.lines()
        plain = [line.plain for line in lines]
        if plain != self.drawn:
            self.drawn = plain
            self.paint(lines)

    def lines(self) -> list[Text]:
        """Return all lines of the screen, from top to bottom."""
        width, height = self.size()
        above, below = self.above(width), self.below(width)
        if self.edited:
            body = question(self.edited, width)
        else:
            body = self.rows(width)[self.top :]
        room = max(1, height - len(above) - len(below))
        body = [*body[:room], *[Text("")] * (room - len(body))]
        whole = [line.copy() for line in (*above, *body, *below)]
        for line in whole:
            line.truncate(width)
        return whole[:height]

    def rows(self, width: int) -> list[Text]:
        """Return the lines of code or of a card, laid out once."""
        place = self.play.key, width
        if self.laid[0] != place:
            self.laid = place, rows(self.play, width)
        return self.laid[1]

    def above(self, width: int) -> list[Text]:
        """Return the header and the note."""
        lines = [Text(spelled(head(self.play)), "bold")]
        if self.with_notes:
            lines += [
                Text(line) for line in wrapped(note_of(self.play), width)
            ]
        return [*lines, Text("-" * width, "dim")]

    def below(self, width: int) -> list[Text]:
        """Return check, price, clock and keys."""
        return [
            Text(self.rule(width), "dim"),
            self.proofs.check_line(),
            self.proofs.price_line(),
            Text(clock_line(self.play)),
            Text(ASKED if self.edited else KEYS, "dim"),
        ]

    def room(self) -> int:
        """Return how many rows of code fit."""
        width, height = self.size()
        return max(1, height - len(self.above(width)) - 5)

    def rule(self, width: int) -> str:
        """Return the line below the code, which says what is hidden."""
        total, room = len(self.rows(width)), self.room()
        if total <= room or self.edited:
            return "-" * width
        last = min(self.top + room, total)
        more = ", space for more" if last < total else ""
        return f"-- {self.top + 1} to {last} of {total}{more} ".ljust(
            width, "-"
        )


# On a terminal


def on_screen(play: Play) -> None:
    """Give the talk on the whole terminal."""
    with keys.full_screen() as keyboard:
        Show(play, paint, size).run(keyboard)


# Line by line


HELP = "Enter: next. b: back. c: check. n: notes on or off. q: quit."


def by_lines(
    play: Play, stdin: TextIO | None = None, proofs: Proofs | None = None
) -> None:
    """Give the talk in lines: each line that is read is one key."""
    stdin = stdin or sys.stdin
    show = Show(play, print_hunk, lambda: (screen.WIDE, 10**6), proofs)
    show.proofs.place = play.key
    say(HELP)
    try:
        while True:
            print_place(show)
            key = asked(show, stdin)
            if key == "q" or (play.over and key == "enter"):
                return
            show.obey(key)
            show.save()
    finally:
        show.proofs.end()
        if work.folder().is_dir():
            play.keep()


def asked(show: Show, stdin: TextIO) -> str:
    """Return the next key that moves; answer those that stay here."""
    while (key := read_key(stdin)) in ("c", "n"):
        show.with_notes ^= key == "n"
        if key == "c":
            print_proof(show)
    return key


def read_key(stdin: TextIO) -> str:
    """Return the key that a line stands for; the end of all lines quits."""
    line = stdin.readline()
    if not line:
        return "q"
    return line.strip().lower()[:1] or "enter"


def print_place(show: Show) -> None:
    """Print where the talk is."""
    if show.edited:
        for line in question(show.edited, screen.WIDE):
            say(line.plain)
        return
    say("")
    say(head(show.play), "bold")
    if show.with_notes and note_of(show.play):
        say(f"Note: {note_of(show.play)}")
    print_hunk(rows(show.play, 10**6))
    say(clock_line(show.play))


def print_hunk(lines: list[Text]) -> None:
    """Print lines of code as they are."""
    for line in lines:
        screen.console().print(line, soft_wrap=True)


def print_proof(show: Show) -> None:
    """Prove the hunk here and now: its check, then its price."""
    proofs = show.proofs
    proofs.place = show.play.key
    proofs.check()
    note = show.play.current
    if note and not show.play.over:
        proofs.start("price", note, present.expected(show.play.known))
    for errand in proofs.errands.values():
        errand.thread.join()
    proofs.take()
    print_hunk([proofs.check_line(), proofs.price_line()])


# The verb


def run(number: str | None, minutes: float) -> int:
    """Give the talk; say what was kept and how to go on."""
    chosen = find(number).number if number else None
    kept = work.back_up("present")
    play = present.opened(chosen, minutes)
    try:
        if keys.usable():
            on_screen(play)
        else:
            by_lines(play)
    finally:
        farewell(play, kept)
    return PASS


def farewell(play: Play, kept: Path | None) -> None:
    """Say where the talk is left, and where the old work/ is."""
    if play.over:
        say(f"The end, after {clock(play.spent())}.")
    else:
        say(f"Left at: {head(play)}.")
        say(f"`{START} present` goes on there.")
    if kept:
        name, number = work.folder().name, int(kept.name.partition("-")[0])
        say(f"{name}/ as it was before: `{START} undo {number}` has it.")


def undo_last() -> int:
    """Undo the last hunk of the talk, without its screen."""
    play = Play(present.checked(work.progress()))
    if play.edited():
        raise WorkshopError(
            f"{work.folder().name}/ is not what the presenter shows here:"
            f" `{START} present` asks what to do."
        )
    note = play.current
    work.back_up("present")
    if not play.back():
        raise WorkshopError("No hunk was applied yet: there is none to undo.")
    say(f"Undone: {title(note)}." if note else "Undone: the step's beginning.")
    say(f"Now at: {head(play)}.")
    say(f"`{START} undo` takes that back.")
    return PASS
