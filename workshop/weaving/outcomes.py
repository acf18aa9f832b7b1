"""Write what an experiment found: its answer, its picture, its table.

Knows: any committed result, the file of its experiment.
Does not know: how anything was measured.

    <!-- outcome waiting -->    docs/results/waiting.json, as one section
    <!-- answer waiting -->     its answer in words alone, and the command
"""

from html import escape
from textwrap import indent
from typing import Any

from workshop.bench import experiment
from workshop.screen import one_line
from workshop.weaving.figures import picture, result, sentences, table


def outcome(name: str) -> str:
    """Return the answer in words, the picture, the figures, and how."""
    return "\n\n".join(
        [sentences(name), picture(name), folded(name), conditions(name)]
    )


def answer(name: str) -> str:
    """Return the answer in words, and how to ask again."""
    return f"{sentences(name)}\n- Again: `{result(name)['command']}`"


def folded(name: str) -> str:
    """Return the table of a result, which opens when it is asked for."""
    return '??? note "The figures"\n\n' + indent(figures(name), " " * 4)


def figures(name: str) -> str:
    """Return the table that the experiment prints."""
    found, asked = result(name), experiment.find(name)
    heads = [one_line(column) for column in asked.COLUMNS]
    rows = [
        [cell(text) for text in asked.row(row)]
        for row in found.get("arms") or found["points"]
    ]
    return table(heads, rows)


def cell(text: str) -> str:
    """Return a cell; its second line is an interval.

    >>> cell("9.1\\n9.0-9.3")
    '9.1<br><small>9.0-9.3</small>'
    """
    first, _, second = escape(text).replace("|", "&#124;").partition("\n")
    return f"{first}<br><small>{second}</small>" if second else first


def conditions(name: str) -> str:
    """Return where, when and by which command it was measured."""
    found = result(name)
    machine: dict[str, Any] = found["machine"]
    noise = found.get("noise")
    told = f"; noise {noise['limit']:.1%}" if noise else ""
    return (
        f"<small>Measured on {found['date'][:10]}: {machine['cpu']},"
        f" {machine['cores']} cores, {machine['python']},"
        f" {machine['loop']}; {machine['pinning']}{told}. Again:"
        f" `{found['command']}`. Raw samples:"
        f" [{name}.json](ROOT/results/{name}.json).</small>"
    )
