"""Let arms run against each other, interleaved, round by round.

Knows: the order of launches, warm-up, what one launch costs, wrong answers.
Does not know: what the arms are, what is concluded.

The unit is a launch: a fresh server process, answers verified, a warm-up that
is thrown away, then a load between two readings of the server's CPU clock. In
a round all are launched, and then answer in turn, for a moment each.
"""

import contextlib
import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from workshop.bench.arms import Arm
from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.load import Builtin
from workshop.bench.ratios import (
    Comparison,
    Interval,
    compare,
    interval,
    noise_of,
)
from workshop.bench.servers import Server, server
from workshop.bench.wrk import Wrk, installed
from workshop.errors import FAIL, USAGE, WorkshopError

# Servers that answer in turn, beside the two copies of the first: whoever
# waits longer than a keep-alive timeout, 5 s in most, loses its connections.
MOST = 10
AGAIN = "again"  # A', the second copy of the first arm
APART = 0.9  # Fewer of the segments were read one by one: not what we ask.
BUSY = 0.05  # More voluntary switches per request: the server was waiting.

Generator = Builtin | Wrk
Tell = Callable[[str, float], None]  # what happens, which share is done
Name = TypeVar("Name")


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: float  # of each launch, in turns
    warm_up: float = 0.15
    connections: int = 32
    seed: int = 2026
    turn: float = 0.1  # seconds


@dataclass(frozen=True)
class Sample:
    """One launch of one arm."""

    arm: str
    round: int
    position: int
    cpu_us: float  # server CPU time per request
    answers: int
    seconds: float
    switches: float  # voluntary, per request
    memory: int
    reads: float | None = None  # per request, where the system tells

    @property
    def requests_per_second(self) -> float:
        return self.answers / self.seconds


@dataclass
class Race:
    """All samples of a run, and what is wrong with it."""

    arms: list[str]  # the first is A
    samples: list[Sample] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)  # arm: reason

    def of(self, arm: str) -> list[Sample]:
        """Return the samples of an arm, in the order of rounds."""
        mine = [s for s in self.samples if s.arm == arm]
        return sorted(mine, key=lambda sample: sample.round)

    def interval(self, arm: str, what: str) -> Interval | None:
        """Return the median and interval of one figure of an arm."""
        values = [getattr(sample, what) for sample in self.of(arm)]
        return interval(values) if values else None

    def pairs(self, a: str, b: str) -> tuple[list[float], list[float]]:
        """Return the CPU times of two arms in the rounds both have."""
        ours = {s.round: s.cpu_us for s in self.of(a)}
        theirs = {s.round: s.cpu_us for s in self.of(b)}
        both = sorted(ours.keys() & theirs.keys())
        return [ours[r] for r in both], [theirs[r] for r in both]

    @property
    def noise(self) -> float | None:
        """How far A' was from A."""
        a, again = self.pairs(self.arms[0], AGAIN)
        if not a:
            return None
        return noise_of([y / x for x, y in zip(a, again, strict=True)])

    def compare(self, a: str, b: str) -> Comparison | None:
        """Compare b with a, in the rounds which both have."""
        ours, theirs = self.pairs(a, b)
        if not ours or self.noise is None:
            return None
        return compare(ours, theirs, self.noise)

    def busy(self, arm: str) -> bool:
        """Return whether the server had always something to do."""
        switches = [sample.switches for sample in self.of(arm)]
        return not switches or statistics.median(switches) <= BUSY

    def verdict(self, a: str, b: str) -> str:
        """Return one of four words; unclear if a server was not busy."""
        found = self.compare(a, b)
        if found is None or not (self.busy(a) and self.busy(b)):
            return "unclear"
        return found.verdict

    def data(self, arm: str) -> list[dict[str, Any]]:
        """Return the raw samples of an arm, as data for JSON."""
        return [asdict(sample) for sample in self.of(arm)]


def orders(names: Sequence[Name], rounds: int, seed: int) -> list[list[Name]]:
    """Return the order of launches in each round.

    Drawn by lot; every second round is the one before, backwards. So all arms
    have the same mean position, and what drifts slowly falls on all alike.

    >>> orders("ab", 2, seed=1)
    [['a', 'b'], ['b', 'a']]
    """
    lot = random.Random(seed)
    drawn: list[list[Name]] = []
    for number in range(rounds):
        if number % 2:
            drawn.append(drawn[-1][::-1])
        else:
            drawn.append(lot.sample(list(names), len(names)))
    return drawn


def rounds(names: Sequence[str], number: int, seed: int) -> list[list[str]]:
    """Return who runs in each round, and in which order.

    The first arm runs twice in each round. Of many others each round has a
    part, and the next rounds have the rest.

    >>> [len(names) for names in rounds(range(1 + 22), 2, seed=1)]
    [10, 9, 9, 10, 9, 9]
    """
    first, *others = names
    parts = max(1, math.ceil(len(others) / MOST))
    split = [[first, AGAIN, *others[part::parts]] for part in range(parts)]
    drawn = [orders(part, number, seed) for part in split]
    return [
        order for together in zip(*drawn, strict=True) for order in together
    ]


def generator(load: str, connections: int) -> Generator:
    """Return the generator called `auto`, `builtin` or `wrk`."""
    if load not in ("auto", "builtin", "wrk"):
        raise WorkshopError(
            f"There is no load {load!r}: choose auto, builtin or wrk.", USAGE
        )
    if load == "wrk" or (load == "auto" and installed()):
        return Wrk(connections)
    return Builtin(1, connections)


class Timed:
    """A server that was warmed up, and what it uses for its answers."""

    def __init__(
        self, running: Server, load: Generator, case: Case, warm_up: float
    ) -> None:
        self.running, self.case = running, case
        self.load = load.another()
        self.load.open(running.host, running.port, case)
        self.load.run(warm_up)
        self.before = running.usage()

    def turn(self, seconds: float) -> None:
        """Let it answer for some seconds."""
        self.load.turn(seconds)

    def figures(self) -> dict[str, Any]:
        """Return what all its turns have used, once it is still right."""
        run, before = self.load.sums(), self.before
        after, reads = self.running.usage(), None
        if before.reads is not None and after.reads is not None:
            reads = (after.reads - before.reads) / run.answers
        came_apart(self.case, reads)
        self.load.close()
        return {
            "cpu_us": (after.cpu - before.cpu) / run.answers * 1e6,
            "answers": run.answers,
            "seconds": run.seconds,
            "switches": (after.switches - before.switches) / run.answers,
            "memory": after.memory,
            "reads": reads or None,
        }


def launch(
    arm: Arm, load: Generator, plan: Plan, core: int | None
) -> dict[str, Any]:
    """Launch an arm alone; return the figures of one sample."""
    with server(arm, core) as running:
        timed = Timed(running, load, arm.case, plan.warm_up)
        timed.turn(plan.seconds)
        return timed.figures()


def came_apart(case: Case, reads: float | None) -> None:
    """WorkshopError if the server did not read each segment by itself.

    Fewer reads than requests tell nothing: asyncio's loop receives, and does
    not read, so that the system does not count it.
    """
    wanted = len(case.segments)
    if reads and 1 <= reads < wanted * APART:
        raise WorkshopError(
            f"the server read {reads:.2f} times a request, that was cut into"
            f" {wanted} segments: take more connections",
            FAIL,
        )


@dataclass
class Blame:
    """Notes who answers wrongly, or does not start: it runs no more."""

    wrong: dict[str, str]  # arm: reason
    arms: Mapping[str, str]  # by the name in a round: AGAIN is the first arm

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Let a block fail, by the fault of the one with this name."""
        try:
            yield
        except WorkshopError as error:
            self.wrong[self.arms[name]] = reason(error)

    def right(self, name: str) -> bool:
        """Return whether it may run."""
        return self.arms[name] not in self.wrong


def take_turns(
    timed: Mapping[str, Timed], plan: Plan, blame: Blame, tell: Tell
) -> dict[str, dict[str, Any]]:
    """Let servers answer in turn, until each had its seconds.

    The machine changes its pace from second to second. Turns are so short
    that all meet the same. Return the figures of those who were right to the
    end.
    """
    turns = max(1, round(plan.seconds / plan.turn))
    for number in range(turns):
        tell(f"turn {number + 1} of {turns}", number / turns)
        for name in filter(blame.right, timed):
            with blame(name):
                timed[name].turn(plan.seconds / turns)
    figures = {}
    for name in filter(blame.right, timed):
        with blame(name):
            figures[name] = timed[name].figures()
    return figures


def run(
    race: Race,
    arms: Sequence[Arm],
    load: Generator,
    plan: Plan,
    core: int | None,
    tell: Tell = lambda text, share: None,
) -> None:
    """Run all arms, the first one twice in each round: see `rounds`.

    Samples are added to the race round by round, so that whoever interrupts us
    has what was measured so far. An arm that answers wrongly, or does not
    start any more, runs no more.
    """
    known = {arm.name: arm for arm in arms} | {AGAIN: arms[0]}
    blame = Blame(race.wrong, {name: known[name].name for name in known})
    drawn = rounds(race.arms, plan.rounds, plan.seed)
    for number, names in enumerate(drawn):
        ordered = {name: known[name] for name in names}
        telling = of_round(number, len(drawn), tell)
        found = together(ordered, load, plan, core, blame, telling)
        for name, figures in found.items():
            sample = Sample(name, number, names.index(name), **figures)
            race.samples.append(sample)


def together(
    ordered: Mapping[str, Arm],
    load: Generator,
    plan: Plan,
    core: int | None,
    blame: Blame,
    tell: Tell,
) -> dict[str, dict[str, Any]]:
    """Launch all, then let them answer in turn; return their figures."""
    with contextlib.ExitStack() as stack:
        servers, timed = {}, {}
        for name in filter(blame.right, ordered):
            tell(f"launching {name}", 0)
            with blame(name):
                launching = server(ordered[name], core)
                servers[name] = stack.enter_context(launching)
        for name in filter(blame.right, servers):
            case = ordered[name].case
            with blame(name):
                timed[name] = Timed(servers[name], load, case, plan.warm_up)
        return take_turns(timed, plan, blame, tell)


def of_round(number: int, rounds: int, tell: Tell) -> Tell:
    """Return how to tell what happens in one round, and how far it is."""
    begin = f"round {number + 1} of {rounds}: "
    return lambda text, share: tell(begin + text, (number + share) / rounds)


def reason(error: WorkshopError) -> str:
    """Return what is said of an arm that answers wrongly, or not at all."""
    if isinstance(error, WrongAnswer):
        return error.reason
    return str(error).removesuffix(".")


def enough(
    arm: Arm, load: Generator, plan: Plan, core: int | None, most: int
) -> None:
    """Add processes to our generator until it keeps a server busy."""
    while isinstance(load, Builtin) and len(load.processes) < most:
        figures = launch(arm, load, plan, core)
        if figures["switches"] <= BUSY:
            return
        load.add_process()
