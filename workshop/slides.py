"""Write what is seen on a slide, as HTML.

Knows: HTML, Pygments, which figures and pictures stand on a slide.
Does not know: the order of the slides, how long each is shown.
"""

import functools
from collections.abc import Sequence
from html import escape

from workshop import course
from workshop.excerpts import Excerpt, Row
from workshop.steps import Step, all_steps
from workshop.weaving import figures

TITLE = "Build an async web framework in ten minutes"
ROWS = 9  # wire rows that one slide names; the others are counted
WIDE = 16  # lines on a slide up to which they are set larger
# The columns of the ladder's table that a room can read.
COLUMNS = (
    "rung",
    "core lines",
    "wire rows",
    "bytecodes",
    "CPU µs",
    "x step 01",
    "than below",
    "req/s",
)


def title() -> str:
    """Return the first slide: the name, and the five steps as stairs."""
    stairs = "".join(
        f'<li style="--at: {at}"><b>{step.number}</b>'
        f" <span>{escape(step.data['title'])}</span></li>"
        for at, step in enumerate(all_steps(), 1)
    )
    return (
        f"<h1>{escape(TITLE)}</h1>"
        "<p class='lead'>What each abstraction buys, and what it costs.</p>"
        f"<ol class='stairs'>{stairs}</ol>"
    )


def idea(step: Step) -> str:
    """Return what a step is about, and the files that it touches."""
    files = "".join(
        f"<li class='{one.word}'><code>{escape(one.path)}</code>"
        f" <b>+{one.added}</b>{f' <i>-{one.removed}</i>' * bool(one.removed)}"
        f"{' new' * (one.word == 'new')}</li>"
        for one in course.diff_of(step.number)
        if one.added + one.removed
    )
    return (
        f"<p class='numeral' aria-hidden='true'>{step.number}</p>"
        f"<h2>{escape(step.data['title'])}</h2>"
        f"<p class='lead'>{escape(step.data['sentence'])}</p>"
        f"<ul class='files'>{files}</ul>"
    )


# Code


def code(step: Step, shown: Sequence[Excerpt]) -> str:
    """Return some lines of a diff, coloured, with what they leave out."""
    rows: list[str] = []
    for at, one in enumerate(shown):
        if at:
            rows.append(f"<span class='row at'>{place(one)}</span>")
        rows += (row_of(step, one, row) for row in one.rows)
    small = "small" if len(rows) > WIDE else "large"
    rest = "; ".join(one.rest for one in shown if one.rest)
    return (
        f"<h3>{place(shown[0])} {counter(shown)}</h3>"
        f"<pre class='{small}'><code>{''.join(rows)}</code></pre>"
        f"<p class='rest'>{escape(rest)}</p>"
    )


def place(one: Excerpt) -> str:
    """Return the file of an excerpt, and the definition that it is in."""
    inner = f" <span>{escape(one.hunk.place)}</span>" * bool(one.hunk.place)
    part = f" <small>{one.part}/{one.parts}</small>" * (one.parts > 1)
    return f"<b>{escape(one.hunk.path)}</b>{inner}{part}"


def counter(shown: Sequence[Excerpt]) -> str:
    """Return which hunks are seen, as `workshop diff --hunks` numbers them."""
    numbers = sorted({one.hunk.number for one in shown})
    word = "hunks" if len(numbers) > 1 else "hunk"
    said = ", ".join(map(str, numbers))
    return f"<small class='count'>{word} {said}</small>"


def row_of(step: Step, one: Excerpt, row: Row) -> str:
    """Return one line of code; its first letter says what it is."""
    if row.kind == "~":
        return "<span class='row gap'>  ...</span>"
    word = {"+": "add", "-": "del", " ": "same"}[row.kind]
    lines = coloured(step.number, one.hunk.path, row.kind == "-")
    return (
        f"<span class='row {word}'><i>{row.kind}</i>"
        f"{lines[row.line] or ' '}</span>"
    )


@functools.cache
def coloured(number: str, path: str, old: bool) -> list[str]:
    """Return the lines of a file, old or new, as HTML."""
    found = course.diff_of(number)
    one = next(each for each in found if each.path == path)
    return highlighted("\n".join((one.old if old else one.new) or []))


@functools.cache
def highlighted(source: str) -> list[str]:
    """Return the lines of Python source with their words marked.

    >>> highlighted("return")
    ['<span class="k">return</span>']
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    # No white space is spanned: it is what a line begins with.
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    formatter = HtmlFormatter(nowrap=True)
    text = str(highlight(source, lexer, formatter))
    lines = text.replace('<span class="w">', "<span>").split("\n")
    return lines[: source.count("\n") + 1]


# Figures


def bought(step: Step) -> str:
    """Return what a step buys on the wire, and what it costs."""
    return (
        f"<h2 class='kicker'>{step.number} {escape(step.data['title'])}</h2>"
        f"<div class='sides'><div>{gains(step)}</div>"
        f"<div>{price(step)}</div></div>{warning(step)}"
    )


def gains(step: Step) -> str:
    """Return the rows of the wire that became right."""
    rows = [escape(name) for name in figures.gained(step.number).values()]
    more = f"<li>and {len(rows) - ROWS} more</li>" * (len(rows) > ROWS)
    listed = "".join(f"<li>{row}</li>" for row in rows[:ROWS]) + more
    said = (
        f"<ul>{listed}</ul>"
        if rows
        else f"<p>{figures.bought(step.number)}</p>"
    )
    right, rows_in_all = (
        figures.in_prose(f"wire.{key}") for key in (step.number, "rows")
    )
    return (
        "<h3>It buys</h3>"
        f"<p class='figure'>{right} <small>of {rows_in_all} rows of the wire"
        f" are right</small></p>{said}"
    )


def price(step: Step) -> str:
    """Return what a request costs on a step."""
    arm = f"ladder.{step.number}"
    facts = [
        f"{figures.in_prose(f'{arm}.bytecodes')} bytecodes a request",
        f"{figures.in_prose(f'{arm}.python_calls')} Python calls a request",
        f"{figures.in_prose(f'lines.{step.number}')} of code in the rooms",
    ]
    if course.before(step):
        facts.insert(0, f"{figures.in_prose(f'{arm}.ratio')} step 01")
        below = figures.in_prose(f"{arm}.below")
        facts.insert(1, f"{below} the step below")
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    cpu = figures.in_prose(f"{arm}.cpu")
    return (
        "<h3>It costs</h3>"
        f"<p class='figure'>{cpu} <small>of CPU time a request</small></p>"
        f"<ul>{listed}</ul>"
    )


def warning(step: Step | None = None) -> str:
    """Return a sentence if the code is newer than what was measured."""
    old = figures.outdated("[[ladder.03.ratio]]")
    if not old or (step and step.name not in old):
        return ""
    return (
        "<p class='rest'>Measured before the code changed;"
        " <code>python3 start.py ladder</code> measures again.</p>"
    )


def ladder_picture() -> str:
    """Return the ladder as it was drawn from the committed result."""
    said = figures.sentences("ladder").removeprefix("- ").split("\n- ")
    listed = "".join(f"<li>{escape(one)}</li>" for one in said)
    return (
        f"<div class='ladder'>{figures.picture('ladder')}"
        f"<div><h2>What it costs</h2><ul>{listed}</ul>{warning()}</div></div>"
    )


def ladder_table() -> str:
    """Return the ladder's table, without the columns nobody can read."""
    head, _, *lines = (
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in figures.ladder_table().splitlines()
    )
    kept = [head.index(name) for name in COLUMNS]
    heads = "".join(f"<th>{escape(head[at])}</th>" for at in kept)
    rows = "".join(
        "<tr>" + "".join(f"<td>{line[at]}</td>" for at in kept) + "</tr>"
        for line in lines
    )
    date, python, noise = (
        figures.in_prose(f"ladder.{key}")
        for key in ("date", "python", "noise")
    )
    return (
        "<h2>Rung by rung</h2>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p class='rest'>{date}, {python}; two copies of step 01 differ by up"
        f" to {noise}: smaller is no difference.</p>{warning()}"
    )


def end() -> str:
    """Return the last slide: what to type now."""
    commands = (
        ("python3 start.py", "sets up, and climbs the ladder"),
        ("python3 start.py begin 01", "your own folder, your own framework"),
        ("python3 start.py check", "are you right, and what did it cost?"),
        ("python3 start.py hint", "when you are stuck"),
    )
    listed = "".join(
        f"<dt><code>{words}</code></dt><dd>{said}</dd>"
        for words, said in commands
    )
    lines = figures.in_prose(f"lines.{all_steps()[-1].number}")
    return (
        "<h1>Now you</h1>"
        f"<p class='lead'>Five steps, {lines} of code. None of it is magic"
        f" any more.</p><dl class='commands'>{listed}</dl>"
    )
