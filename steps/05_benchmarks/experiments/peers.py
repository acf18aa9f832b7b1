"""Where does pico stand among its peers?

Knows: who takes part, what the figures say in words.
Does not know: how to measure.
"""

from dataclasses import asdict

from workshop.bench.contest import Contest, hold
from workshop.bench.costs import cost_bars
from workshop.bench.measure import Plan, generator
from workshop.bench.peers import ENVIRONMENT, PEERS, WORKS, chosen
from workshop.bench.words import inverse, joined, spread

QUESTION = "Where does pico stand among its peers?"
WORDS = "[PEER ...]"
QUICK = Plan(rounds=3, seconds=0.1, warm_up=0.05)
FULL = Plan(rounds=8, seconds=0.8, turn=0.05)


def measure(study):
    """Let those that are installed do the same work, one after the other."""
    peers = chosen(study.options.words, study.quick)
    if study.options.install:
        ENVIRONMENT.install(study.say)
    ENVIRONMENT.require()
    there = [peer for peer in peers if peer.there()]
    plan = QUICK if study.quick else FULL
    study.plan = {
        **asdict(plan),
        "peers": [peer.name for peer in PEERS],
        "left_out": [peer.name for peer in peers if peer not in there],
    }
    study.say("To serve one of them yourself, in the root of the clone:")
    for peer in there:
        study.console.print(peer.reproduced(), soft_wrap=True, style="dim")
    race = Contest(there, WORKS)
    try:
        with generator(study.options.load, plan.connections) as load:
            hold(study, race, load, plan)
    finally:
        for peer in there:
            more = {"server": peer.server, "command": peer.reproduced()}
            study.add(**race.point(peer.name, **more))


COLUMNS = [
    "peer",
    "server",
    "Date",
    "hello\nCPU µs",
    "browser\nCPU µs",
    "position\nCPU µs",
    "hellos per\nCPU second\nx pico 05",
    "than\npico 05",
]


def row(point):
    """Return the cells of a peer."""
    hello = point["hello"]
    return [
        point["name"],
        point["server"],
        "yes" if point["sends_date"] else "no",
        *[spread(point[work]["cpu_us"], 1) for work in WORKS],
        spread(inverse(hello["ratio"]), 2),
        "" if hello["verdict"] == "first" else hello["verdict"],
    ]


def sentences(result):
    """Return where pico stands, in which work, and who did not take part."""
    plan, points = result["plan"], result["points"]
    if len(points) < 2:
        return [f"{points[0]['name']} alone says nothing: add a peer."]
    said = [standing(points[1:]), ranks(points), belief(plan)]
    if len(points) < len(plan["peers"]):
        said.append(f"{len(points)} of {len(plan['peers'])} took part.")
    if plan["left_out"]:
        names = joined(plan["left_out"])
        said.append(f"Left out, as not to be had on this Python: {names}.")
    return said


def standing(others):
    """Say how many hellos pico answers in the CPU time of each other."""
    ways = {
        "slower": "more hellos than",
        "same": "as many as",
        "faster": "fewer than",
        "unclear": "not clearly more or fewer than",
    }
    parts = []
    for verdict, words in ways.items():
        names = [
            f"{each['name']} ({each['hello']['ratio']['median']:.2f} times)"
            for each in others
            if each["hello"]["verdict"] == verdict
        ]
        if names:
            parts.append(f"{words} {joined(names)}")
    return f"In a CPU second pico 05 answers {'; '.join(parts)}."


def ranks(points):
    """Say whether each work ranks the peers as hello does."""
    orders = {work: ranked(points, work) for work in WORKS}
    changed = [work for work in WORKS if orders[work] != orders["hello"]]
    if changed:
        return f"The ranking of hello changes with {joined(changed)}."
    return "The ranking is that of hello in each work."


def ranked(points, work):
    """Return the names, the cheapest first."""
    costs = {point["name"]: point[work]["cpu_us"] for point in points}
    return sorted(costs, key=lambda name: costs[name]["median"])


def belief(plan):
    """Say how far two copies of the same server were from each other."""
    limits = [found["limit"] for found in plan["noise"].values()]
    return (
        f"Two copies of pico 05 differed by up to {max(limits):.1%}, and"
        " nothing smaller is called a difference."
    )


def label(point):
    """Return a name that tells the server, once."""
    named = point["server"] in point["name"]
    return point["name"] if named else f"{point['name']}, {point['server']}"


def picture(result):
    """Draw what a hello costs each peer."""
    hellos = [{**it["hello"], "name": label(it)} for it in result["points"]]
    return cost_bars(
        "Peers", hellos, "server CPU time per hello, with its interval"
    )
