"""Make the slides of the talk from the steps, their notes and results.

Knows: the order of the slides, their pace, the folder they are written to.
Does not know: what a slide looks like (slides.py), what is cut (excerpts.py).

The folder works from `file://`: reveal.js lies in it, nothing is fetched.
The seconds of a step are its minutes in steps.toml; each of its slides gets
a share by the length of what is said and shown. Hunks that a step has no time
for hang below the line of the talk (the key down), where they take none. S
opens the speaker's view.
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from workshop import course, excerpts, slides
from workshop.errors import WorkshopError
from workshop.excerpts import HIGH, Excerpt
from workshop.steps import ROOT, Step, all_steps
from workshop.weaving import figures

FOLDER = ROOT / "talk"
ASSETS = Path(__file__).with_name("talk_assets")
PACE = 150  # words that a speaker says in a minute
SLIDE = 9  # seconds that a slide is shown at least, on average
TELLING = 15  # lines that a behaviour weighs as much as
READ = 3  # lines that are read while a word is said
SHORTEST = 3  # seconds that any slide is shown
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="reveal.css">
<link rel="stylesheet" href="talk.css">
</head>
<body>
<div class="reveal"><div class="slides">
{sections}
</div></div>
<script src="reveal.js"></script>
<script src="notes.js"></script>
<script src="talk.js"></script>
</body>
</html>
"""


@dataclass(frozen=True)
class Slide:
    """One slide: what is seen, what is said, for how many seconds."""

    kind: str  # "title", "idea", "code", "bought", "ladder", "table", "end"
    body: str  # HTML
    notes: str  # plain text, for the speaker alone
    rows: int = 0  # lines of code on it
    rank: tuple[int, int] = (0, 0)  # of code: more is shown first
    part: int = 1  # of a hunk that is split
    parts: int = 1
    below: bool = False  # not in the line of the talk: shown when asked
    seconds: int = 0

    @property
    def words(self) -> int:
        """How many words are said: notes of a split hunk count once."""
        return math.ceil(len(self.notes.split()) / self.parts)

    @property
    def length(self) -> int:
        """How much there is to say, and to read while it is said."""
        return self.words + self.rows // READ


# The slides


def all_slides() -> list[Slide]:
    """Return the slides of the talk, each with its seconds."""
    found: list[Slide] = []
    for step in all_steps():
        seconds = round(60 * step.data["minutes"])
        found += paced(staged(list(of_step(step)), seconds), seconds)
    return found


def of_step(step: Step) -> Iterator[Slide]:
    """Yield the slides of a step; the first and last bring what frames it."""
    known = all_steps()
    if step == known[0]:
        said = (
            "Five steps, ten minutes; each is a whole program with its price."
        )
        yield Slide("title", slides.title(), said)
    said = step.data["sentence"]
    tasks = "; ".join(task.title for task in course.tasks(step))
    said += f" What we do: {tasks}." if tasks else ""
    yield Slide("idea", slides.idea(step), said)
    yield from of_code(step)
    yield Slide("bought", slides.bought(step), told(step))
    if step == known[-1]:
        yield from ending()


def told(step: Step) -> str:
    """Return what a speaker says about what a step buys and costs."""
    number = step.number
    right = figures.in_prose(f"wire.{number}")
    rows = figures.in_prose("wire.rows")
    cpu = figures.in_prose(f"ladder.{number}.cpu")
    return f"{right} of {rows} rows are right; a request costs {cpu}."


def ending() -> Iterator[Slide]:
    """Yield the slides after the last step."""
    first, *others = figures.sentences("ladder").splitlines()
    yield Slide("ladder", slides.ladder_picture(), first.removeprefix("- "))
    said = " ".join(one.removeprefix("- ") for one in others)
    yield Slide("table", slides.ladder_table(), said)
    yield Slide("end", slides.end(), "Your turn: one command sets it all up.")


def of_code(step: Step) -> Iterator[Slide]:
    """Yield the slides of a step's hunks, small ones together."""
    group: list[tuple[Excerpt, str]] = []
    for one, note in spoken(step):
        if group and not together([each for each, _ in group], one):
            yield code(step, group)
            group = []
        group.append((one, note))
    if group:
        yield code(step, group)


def spoken(step: Step) -> Iterator[tuple[Excerpt, str]]:
    """Yield what is shown of each hunk, in order, with what is said."""
    said = [(note.hunk, note.note) for note in course.notes(step)]
    unsaid = [(hunk, "") for hunk in course.hunks(step).values()]
    for hunk, note in said or unsaid:
        for one in excerpts.excerpts(step, hunk):
            if one.rows:
                yield one, note


def together(group: Sequence[Excerpt], one: Excerpt) -> bool:
    """Tell whether a slide has room for one more hunk."""
    if one.parts > 1 or group[-1].parts > 1 or one.rest or group[-1].rest:
        return False
    rows = sum(len(each.rows) for each in group) + len(group)
    return rows + len(one.rows) <= HIGH


def code(step: Step, group: Sequence[tuple[Excerpt, str]]) -> Slide:
    """Return a slide of some hunks with their notes."""
    shown = [one for one, _ in group]
    notes = "\n".join(note for _, note in group if note)
    rows = sum(len(one.rows) for one in shown)
    body = slides.code(step, shown)
    part, parts = shown[-1].part, shown[-1].parts
    return Slide("code", body, notes, rows, rank(step, shown), part, parts)


def rank(step: Step, shown: Sequence[Excerpt]) -> tuple[int, int]:
    """Return how much a slide belongs on stage: more is shown first.

    Further parts of a hunk come last; a behaviour weighs as much as some
    lines do.
    """
    shows = {note.hunk.number: note.shows for note in course.notes(step)}
    hunks = {one.hunk for one in shown}
    weight = sum(hunk.added for hunk in hunks)
    weight += TELLING * any(shows.get(h.number) == "behaviour" for h in hunks)
    return -max(one.part for one in shown), weight


# The pace


def staged(found: Sequence[Slide], seconds: int) -> list[Slide]:
    """Put the slides of code that a step has no time for below the others."""
    frame = [slide for slide in found if slide.kind != "code"]
    code = [slide for slide in found if slide.kind == "code"]
    room = seconds // SLIDE - len(frame)
    words = seconds * PACE // 60 - sum(slide.words for slide in frame)
    chosen: set[int] = set()
    for slide in sorted(code, key=lambda one: one.rank, reverse=True):
        before = code[code.index(slide) - 1]
        follows = slide.part == 1 or id(before) in chosen
        if follows and len(chosen) < room and slide.words <= words:
            chosen.add(id(slide))
            words -= slide.words
    left = {id(slide) for slide in code} - chosen
    return [replace(slide, below=id(slide) in left) for slide in found]


def paced(found: Sequence[Slide], seconds: int) -> list[Slide]:
    """Divide the seconds of a step over its slides, by their length."""
    shown = [slide for slide in found if not slide.below]
    given = iter(divided([slide.length for slide in shown], seconds))
    return [
        slide if slide.below else replace(slide, seconds=next(given))
        for slide in found
    ]


def divided(lengths: Sequence[int], seconds: int) -> list[int]:
    """Divide whole seconds by lengths, so that they add up.

    >>> divided([1, 1, 2], 43)
    [12, 11, 20]
    """
    least = min(SHORTEST, seconds // max(1, len(lengths)))
    spare = seconds - least * len(lengths)
    whole = sum(lengths) or 1
    shares = [spare * length / whole for length in lengths]
    given = [int(share) for share in shares]
    # What rounding left over goes to the largest remainders.
    order = sorted(range(len(lengths)), key=lambda at: given[at] - shares[at])
    for at in order[: spare - sum(given)]:
        given[at] += 1
    return [least + more for more in given]


# The folder


def page(found: Sequence[Slide]) -> str:
    """Return the page that holds all slides."""
    sections = "\n".join(stack(one) for one in stacks(found))
    return PAGE.format(title=escape(slides.TITLE), sections=sections)


def stacks(found: Sequence[Slide]) -> list[list[Slide]]:
    """Return each slide of the line with those that hang below it."""
    made: list[list[Slide]] = []
    for slide in found:
        if slide.below:
            made[-1].append(slide)
        else:
            made.append([slide])
    return made


def stack(found: Sequence[Slide]) -> str:
    """Return a slide, with those below it where there are some."""
    first, *below = found
    if not below:
        return section(first)
    more = f'<p class="down">&#8595; {len(below)} more</p>'
    sections = [section(first, more), *map(section, below)]
    return "\n".join(["<section>", *sections, "</section>"])


def section(slide: Slide, more: str = "") -> str:
    """Return one slide with its pace and its notes."""
    notes = "".join(
        f"<p>{escape(line)}</p>" for line in slide.notes.splitlines()
    )
    return (
        f'<section class="{slide.kind}" data-timing="{slide.seconds}">'
        f'<div class="page">{slide.body}{more}</div>'
        f'<aside class="notes">{notes}</aside></section>'
    )


def write(folder: Path) -> Path:
    """Write the slides and what they need; return the page to open."""
    text = page(all_slides())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(ASSETS.iterdir()):
            if path.suffix != ".md":
                shutil.copyfile(path, folder / path.name)
        (folder / "index.html").write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise WorkshopError(
            f"The slides cannot be written to {folder} ({error.strerror}):"
            " choose another folder with --out."
        ) from error
    return folder / "index.html"
