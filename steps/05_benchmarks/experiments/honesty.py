"""How often does compare cry wolf, and what does it miss?

Knows: how many comparisons, which delays, what is concluded.
Does not know: how to measure.
"""

from dataclasses import asdict

from workshop.bench import alarms
from workshop.bench.picture import Bar, bars
from workshop.bench.trials import FULL, LEVEL, QUICK, load_for
from workshop.bench.words import NOTHING, figure, joined
from workshop.bench.workloads import hello

QUESTION = "How often does compare cry wolf, and what does it miss?"
BLOCKS, EVERY = 100, 4  # Two comparisons each; delays in each fourth.
DELAYS = {"2 % more": 0.02, "5 % more": 0.05, "10 % more": 0.10}


def measure(study):
    """Compare copies of a server, and servers that burn more."""
    study.sources = {}  # `compare` is judged, whatever the steps are.
    if study.quick:
        show(study, alarms.committed())
        return
    arm, core = hello("05"), study.core
    with load_for(arm, study.options.load, QUICK, core) as load:
        study.plan = planned(study, arm, load)
        left = alarms.earlier(study.options.json, study.plan)
        turns = left["plan"]["turns"] if left else None
        study.tell("what a delay costs", 0)
        turns = turns or alarms.calibrated(arm, load, core, FULL, DELAYS)
        study.plan["turns"] = turns
        found = {p["name"]: p["trials"] for p in left.get("points", ())}
        trials = alarms.Trials(arm, load, core, QUICK, turns, EVERY, found)
        try:
            trials.go_on(BLOCKS, study.tell)
        finally:  # Ctrl-C, too, keeps all blocks that are whole.
            for point in trials.summaries():
                study.add(**point)


def planned(study, arm, load):
    """Return what two sittings must have in common to be one run."""
    ours = {"blocks": BLOCKS, "every": EVERY, "level": LEVEL}
    ours |= {"delays": DELAYS, "load": load.name, "hash": arm.hash}
    machine = {key: study.machine[key] for key in ("cpu", "python")}
    return {**asdict(QUICK), **ours, **machine}


def show(study, known):
    """Show what was measured once, with its date and machine."""
    facts = {key: known[key] for key in ("date", "machine")}
    study.plan = {**known["plan"], "committed": facts}
    for point in known["points"]:
        study.add(**point)


COLUMNS = ["B does", "compari-\nsons", "alarms", "rate of alarms\n(95%)"]
COLUMNS += ["faster", "slower", "same", "unclear", "B / A"]


def row(point):
    """Return the cells of one kind of comparisons."""
    return [
        point["name"],
        figure(point["comparisons"]),
        figure(point["alarms"]),
        between(point["rate"]) if point["comparisons"] else NOTHING,
        *(figure(number) for number in point["verdicts"].values()),
        figure(point["ratio"], 3),
    ]


def between(rate):
    """Return an interval of a rate in per cent."""
    low, high = rate
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def sentences(result):
    """Return the rate of false alarms, what is missed, and when it was."""
    same, *delayed = result["points"]
    said = [wolf(same, result["plan"]["level"]), missed(delayed)]
    committed = result["plan"].get("committed")
    if committed:
        said.append(
            f"Measured on {committed['date'][:10]} on"
            f" {committed['machine']['cpu']}, not now: `{alarms.COMMAND}`"
            " takes about half an hour."
        )
    return said


def wolf(same, level):
    """Say how rare false alarms are, and whether that is the level."""
    low, high = same["rate"]
    inside = "within it" if low <= level <= high else "NOT within it"
    words = same["verdicts"]
    return (
        f"Of {same['comparisons']} comparisons of a revision with itself"
        f" {same['alarms']} raised an alarm"
        f" ({same['alarms'] / same['comparisons']:.1%}; Clopper-Pearson"
        f" interval {between(same['rate'])}); the nominal level,"
        f" {level:.0%}, is {inside}; {words['faster'] + words['slower']} were"
        " called faster or slower."
    )


def missed(delayed):
    """Say how often each delay was found."""
    found = [
        f"{point['name']} (measured: {point['ratio'] - 1:.1%}) in"
        f" {point['verdicts']['slower']} of {point['comparisons']}"
        for point in delayed
        if point["comparisons"]
    ]
    return f"It said slower for {joined(found)}." if found else "No delays."


def picture(result):
    """Draw how often an alarm was raised."""
    drawn = [bar(p) for p in result["points"] if p["comparisons"]]
    described = "; ".join(f"{bar.label}: {bar.note}" for bar in drawn)
    unit = "alarms in 100 comparisons, with the interval of the rate"
    return bars("Alarms", unit, described, drawn)


def bar(point):
    """Return the bar of one kind of comparisons."""
    low, high = point["rate"]
    return Bar(
        point["name"],
        100 * point["alarms"] / point["comparisons"],
        100 * low,
        100 * high,
        f"{point['alarms']} of {point['comparisons']}",
        "marked" if point["name"] == alarms.SAME else "bar",
    )
