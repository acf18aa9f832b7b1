"""Write committed results as tables, pictures and figures in prose.

Knows: docs/results/*.json, what their keys are called in prose.
Does not know: how anything was measured.

In prose `[[ladder.03.ratio]]` becomes a figure with its unit:

    ladder.ARM.KEY        ratio, cpu, left, lost, below, than_below, verdict,
                          lines, bytecodes, python_calls, c_calls, rps, wire
    ladder.KEY            date, noise, cpu, python, command
    realistic.ARM.KEY     the same
    extensions.ARM.KEY    more (CPU time above none), bytecodes, python_calls
    undone.WORD.CASE.KEY  bytecodes, python_calls, c_calls that it saves
    wire.STEP             how many rows are right; wire.rows: of how many
    lines.STEP            lines of code of the rooms; lines.STEP.ROOM: of one
    STEP.ROOM.NAME        a constant of the source; bytes as KiB or MiB
"""

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from workshop import wire
from workshop.bench import experiment, results
from workshop.bench.words import figure, joined
from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.steps import all_steps, code_lines, core_lines, find
from workshop.weaving import cuts, undone

WORDS = {
    "right": '<span class="right">&#10003; right</span>',
    "wrong": '<span class="wrong">&#10007; wrong</span>',
    "lucky": '<span class="lucky">~ lucky</span>',
}


LADDER = (
    "rung",
    "core lines",
    "wire rows",
    "bytecodes",
    "Python calls",
    "C calls",
    "CPU µs",
    "x step 01",
    "than below",
    "req/s",
)
EXTENSIONS = (
    "activated",
    "bytecodes",
    "Python calls",
    "C calls",
    "CPU µs",
    "x none",
    "verdict",
    "could have seen",
)


@functools.cache
def result(name: str) -> dict[str, Any]:
    """Return a committed result."""
    return results.read(results.RESULTS / f"{name}.json")


def arm_of(name: str, word: str) -> dict[str, Any]:
    """Return an arm by how it begins; `04+` has all extensions."""
    wanted = word.replace("_", " ")
    arms: list[dict[str, Any]] = result(name)["arms"]
    if word.endswith("+"):
        wanted = f"{word[:-1]} + extensions"
    for arm in arms:
        if wanted in (arm["name"], arm["name"].partition(" ")[0]):
            return arm
    names = ", ".join(arm["name"] for arm in arms)
    raise WorkshopError(f"{name}.json has no {word!r}: choose of {names}.")


# In prose


def middle(arm: Mapping[str, Any], key: str) -> float:
    """Return the median of a measured figure; loud if there is none."""
    if arm[key] is None:
        raise WorkshopError(f"{arm['name']} has no {key}: measure it again.")
    return float(arm[key]["median"])


ARM: dict[str, Callable[[dict[str, Any]], str]] = {
    "ratio": lambda arm: f"{middle(arm, 'ratio'):.2f} times",
    "cpu": lambda arm: f"{middle(arm, 'cpu_us'):.1f} µs",
    "left": lambda arm: f"{1 / middle(arm, 'ratio'):.0%}",
    "lost": lambda arm: f"{1 - 1 / middle(arm, 'ratio'):.0%}",
    "below": lambda arm: f"{middle(arm['than_below'], 'ratio'):.2f} times",
    "verdict": lambda arm: str(arm["verdict"]),
    "than_below": lambda arm: str(arm["than_below"]["verdict"]),
    "lines": lambda arm: f"{arm['lines']} lines",
    "bytecodes": lambda arm: f"{arm['counts']['bytecodes']:,}",
    "python_calls": lambda arm: f"{arm['counts']['python_calls']:,}",
    "c_calls": lambda arm: f"{arm['counts']['c_calls']:,}",
    "rps": lambda arm: (
        f"{middle(arm, 'requests_per_second'):,.0f} requests per second"
    ),
    "wire": lambda arm: f"{arm['wire']['right']} of {arm['wire']['rows']}",
}

WHOLE: dict[str, Callable[[dict[str, Any]], str]] = {
    "date": lambda found: str(found["date"])[:10],
    "noise": lambda found: f"{found['noise']['limit']:.1%}",
    "cpu": lambda found: str(found["machine"]["cpu"]),
    "python": lambda found: str(found["machine"]["python"]),
    "command": lambda found: f"`{found['command']}`",
}


def of_extension(word: str, key: str) -> str:
    """Return what an extension adds to a request."""
    none = result("extensions")["arms"][0]
    name = word if word.startswith("all") else f"{word} alone"
    arm = arm_of("extensions", name)
    if key == "more":
        return f"{middle(arm, 'cpu_us') - middle(none, 'cpu_us'):.1f} µs"
    return f"{arm['counts'][key] - none['counts'][key]:,}"


def of_result(name: str, *path: str) -> str:
    """Return a figure of the ladder, or of another experiment."""
    if len(path) == 1:
        return str(chosen(WHOLE, path[0], name)(result(name)))
    if len(path) != 2:
        raise TypeError
    word, key = path
    return str(chosen(ARM, key, name)(arm_of(name, word)))


def of_undone(word: str, case: str, key: str) -> str:
    """Return what an optimisation of step 05 saves for a request."""
    cases = chosen(undone_result()["counts"], word, "undone.json")
    saved = chosen(cases, case, word)
    return f"{chosen(saved, key, word):,}"


@functools.cache
def undone_result() -> dict[str, Any]:
    """Return what each optimisation saves, as committed."""
    if not undone.PATH.is_file():
        raise WorkshopError(
            "docs/results/undone.json is missing:"
            " `python -m workshop.weaving.undone` makes it."
        )
    return dict(json.loads(undone.PATH.read_text("utf-8")))


def of_wire(word: str) -> str:
    """Return how many rows are right on a step, or how many there are."""
    record = wire.recorded()
    if word == "rows":
        return str(record["rows_counted"])
    return str(record["rows_right"][find(word).number])


def of_lines(word: str, room: str = "") -> str:
    """Return how long the rooms of a step are, without comments."""
    folder = find(word).folder
    if not room:
        return f"{core_lines(folder)} lines"
    source = (folder / f"{room}.py").read_text("utf-8")
    return f"{code_lines(source)} lines"


def of_source(step: str, *names: str) -> str:
    """Return a constant of a room as a person would write it."""
    value = cuts.value(cuts.folder_of(step), ".".join(names))
    if isinstance(value, int) and value and value % 1024 == 0:
        large = value % 2**20 == 0
        return f"{value // 2**20} MiB" if large else f"{value // 1024} KiB"
    return str(value)


def chosen(known: Mapping[str, Any], key: str, where: str) -> Any:
    """Return one of the known keys; loud if it is none of them."""
    if key not in known:
        names = ", ".join(known)
        raise WorkshopError(f"{where} has no {key!r}: choose one of {names}.")
    return known[key]


def in_prose(reference: str) -> str:
    """Return what `[[reference]]` stands for."""
    subject, *path = reference.split(".")
    if re.fullmatch(r"\d\d|examples", subject):
        return of_source(subject, *path)
    kinds: dict[str, Callable[..., str]] = {
        "ladder": lambda *path: of_result("ladder", *path),
        "build": lambda *path: of_result("build", *path),
        "realistic": lambda *path: of_result("realistic", *path),
        "undone": of_undone,
        "extensions": of_extension,
        "wire": of_wire,
        "lines": of_lines,
    }
    kind = chosen(kinds, subject, "[[...]]")
    try:
        return str(kind(*path))
    except TypeError:
        raise WorkshopError(f"[[{reference}]] names no figure.") from None


def used(markdown: str) -> set[str]:
    """Return which measured results a page speaks of."""
    names = "ladder|build|extensions|realistic"
    marks = (
        rf"\[\[({names})\.|<!-- ({names})-|<!-- (?:outcome|answer) (\w+) -->"
    )
    return {"".join(found) for found in re.findall(marks, markdown)}


def outdated(markdown: str) -> str:
    """Return a warning if figures are older than the code; else nothing."""
    notes = []
    for name in sorted(used(markdown)):
        found = result(name)
        old = results.stale(found)
        arms = [a for a in found.get("arms", []) if a["name"] in old]
        if steps := {arm["folder"].rpartition("/")[2] for arm in arms}:
            notes.append(older(name, sorted(steps), found["command"]))
        if changed := changed_since(found.get("sources", {})):
            notes.append(older(name, changed, found["command"]))
    if re.search(r"\[\[wire\.|<!-- (behaviour-|bought|row-)", markdown):
        found = wire.recorded()
        if changed := changed_since(found["sources"]):
            notes.append(older("wire", changed, found["command"]))
    if re.search(r"\[\[undone\.|<!-- undone-", markdown):
        found = undone_result()
        if changed := changed_since(found["sources"]):
            notes.append(older("undone", changed, found["command"]))
    if not notes:
        return ""
    title = '!!! warning "Measured before the code changed"'
    return "\n".join([title, "", *notes, ""])


def older(name: str, changed: Sequence[str], command: str) -> str:
    """Return one line of the warning."""
    if command.startswith("python "):  # It knows no workshop outside .venv.
        command = f".venv/bin/{command}"
    return (
        f"    - `{name}.json` is older than the code of"
        f" {joined(list(changed))}. To measure again: `{command}`."
    )


def changed_since(record: Mapping[str, str]) -> list[str]:
    """Return the steps whose sources are no longer as they were."""
    return [
        number
        for number, known in record.items()
        if sources(find(number).folder) != known
    ]


# Tables and pictures


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for Markdown: texts left, figures right."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|---|" + "---:|" * (len(head) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def interval(found: Mapping[str, float] | None, digits: int) -> str:
    """Return a median and its interval for a cell."""
    if found is None:
        return "-"
    low, high = (f"{found[key]:.{digits}f}" for key in ("low", "high"))
    return f"{found['median']:.{digits}f}<br><small>{low}-{high}</small>"


def ladder_table() -> str:
    """Return rung by rung what it costs and what it buys."""
    rows = []
    for arm in result("ladder")["arms"]:
        counts, below = arm["counts"] or {}, arm["than_below"]
        wired = arm["wire"]
        rows.append(
            [
                arm["name"],
                figure(arm["lines"]),
                f"{wired['right']}/{wired['rows']}" if wired else "-",
                figure(counts.get("bytecodes")),
                figure(counts.get("python_calls")),
                figure(counts.get("c_calls")),
                interval(arm["cpu_us"], 1),
                interval(arm["ratio"], 2) if arm["ratio"] else "1",
                below["verdict"] if below else "",
                figure(arm["requests_per_second"]),
            ]
        )
    return table(LADDER, rows)


def extensions_table() -> str:
    """Return what each group of extensions adds to a request."""
    rows = []
    for arm in result("extensions")["arms"]:
        counts, smallest = arm["counts"] or {}, arm["smallest"]
        rows.append(
            [
                arm["name"] if arm["extensions"] else "none",
                figure(counts.get("bytecodes")),
                figure(counts.get("python_calls")),
                figure(counts.get("c_calls")),
                interval(arm["cpu_us"], 1),
                interval(arm["ratio"], 2) if arm["ratio"] else "1",
                "" if arm["verdict"] == "first" else arm["verdict"],
                f"{smallest:.1%}" if smallest is not None else "",
            ]
        )
    return table(EXTENSIONS, rows)


def undone_table() -> str:
    """Return what each optimisation of step 05 saves, the best first."""
    rows = [
        [
            undone.WORDS[word],
            figure(saved["hello"]["python_calls"]),
            *(figure(saved[name]["bytecodes"]) for name in undone.CASES),
        ]
        for word, saved in undone_result()["counts"].items()
        if word in undone.WORDS
    ]
    heads = ["saved a request by", "Python calls: hello"]
    first, *others = undone.CASES
    return table([*heads, f"bytecodes: {first}", *others], rows)


def picture(name: str) -> str:
    """Return the picture of a result, as SVG in one line."""
    svg = experiment.find(name).picture(result(name))
    svg = svg.replace("bench-title", f"{name}-title")
    svg = svg.replace("bench-desc", f"{name}-desc")
    return f'<figure class="picture">{" ".join(svg.split())}</figure>'


def conditions(name: str) -> str:
    """Return where, when and how a result was measured."""
    found = result(name)
    machine, plan = found["machine"], found["plan"]
    versions = [
        f"{word} {number}"
        for word, number in machine["versions"].items()
        if number
    ]
    stolen = machine["stolen_percent"]
    # The first arm races a copy of itself.
    copied = Path(found["arms"][0]["folder"]).name[:2]
    return (
        f"Measured on {found['date'][:10]}: {machine['cpu']},"
        f" {machine['cores']} cores, {machine['python']},"
        f" {', '.join(versions)}; {machine['pinning']};"
        f" {plan['rounds']} rounds of {plan['seconds']:g} s,"
        f" {plan['connections']} connections, load: {plan['load']};"
        f" noise between two copies of step {copied}:"
        f" {found['noise']['limit']:.1%};"
        f" time stolen by the host: {stolen or 0:g}%."
        f" Again: `{found['command']}`."
        f" Raw samples: [{name}.json](ROOT/results/{name}.json)."
    )


def sentences(name: str) -> str:
    """Return what was seen, in words."""
    return "\n".join(f"- {said}" for said in result(name)["sentences"])


def behaviour_table() -> str:
    """Return which row of the wire is right on which step."""
    numbers = [step.number for step in all_steps()]
    lines = ["| # | given | " + " | ".join(numbers) + " |"]
    lines.append("|--:|---|" + "---|" * len(numbers))
    for row in wire.recorded()["rows"]:
        words = [WORDS[row["steps"][n]["word"]] for n in numbers]
        given = f"{row['name']} ({row['rfc']})"
        if row["from"] == "later":
            given += ", not promised yet"
        cells = [str(row["number"]), given, *words]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def behaviour_summary() -> str:
    """Return how many rows are right on each step."""
    record = wire.recorded()
    rows = []
    for step in all_steps():
        words = [r["steps"][step.number]["word"] for r in record["rows"]]
        right = record["rows_right"][step.number]
        cells = [f"{right} of {record['rows_counted']}"]
        cells.append(str(words.count("lucky")))
        rows.append([step.name, *cells])
    return table(["step", "rows right", "right by luck"], rows)


def gained(word: str) -> dict[int, str]:
    """Return the rows that became right at a step: number and name."""
    step = find(word)
    numbers = [each.number for each in all_steps()]
    index = numbers.index(step.number)
    return {
        row["number"]: row["name"]
        for row in wire.recorded()["rows"]
        if row["steps"][step.number]["word"] == "right"
        and (index == 0 or row["steps"][numbers[index - 1]]["word"] != "right")
    }


def bought(word: str) -> str:
    """Return the rows that became right at a step, or a sentence."""
    rows = [f"- row {n}: {escape(name)}" for n, name in gained(word).items()]
    return "\n".join(rows) or "No row of the wire became right here."


def reasons(word: str) -> str:
    """Return what was wrong, row by row, on one step."""
    step = find(word)
    rows = [
        f"| {row['number']} | {row['name']} | {in_cell(verdict['reason'])} |"
        for row in wire.recorded()["rows"]
        for verdict in [row["steps"][step.number]]
        if verdict["word"] == "wrong"
    ]
    if not rows:
        return "No row is wrong."
    return "\n".join(["| # | given | what came |", "|--:|---|---|", *rows])


def row_cases() -> str:
    """Return each row with its cases: what is sent is said by their name."""
    return "\n\n".join(cases_of(row) for row in wire.rows())


def cases_of(row: wire.Row) -> str:
    """Return one row, folded, with what each of its cases demands."""
    lines = ["| case | answers | the connection |", "|---|---|---|"]
    for case in row.cases:
        statuses = ", ".join(demanded(want) for want in case.expect)
        lines.append(f"| {case.name} | {statuses or 'none'} | {case.then} |")
    table = "\n".join(f"    {line}" for line in lines)
    choice = f"    pico: {row.choice}\n\n" if row.choice else ""
    title = f'??? note "{row.number}. {row.name} ({row.rfc})"'
    return f"{title}\n\n{choice}{table}"


def demanded(want: wire.Expected) -> str:
    """Return the status of an answer, and how many of them."""
    before = "".join(f"{status}, " for status in want.informational or [])
    many = f" ({want.times:,} of them)" if want.times > 1 else ""
    return f"{before}{want.status}{many}"


def in_cell(text: str) -> str:
    """Return a text that may hold anything, for a cell of a table.

    >>> in_cell("a|b [[c]]")
    '<code>a&#124;b &#91;&#91;c]]</code>'
    """
    text = escape(text if len(text) <= 160 else text[:157] + "...")
    for character in "|[`*_":
        text = text.replace(character, f"&#{ord(character)};")
    return f"<code>{text}</code>"
