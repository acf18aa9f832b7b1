"""Servers that do several kinds of work: interleaved, checked, compared."""

import contextlib
from dataclasses import dataclass, field, replace

import pytest

from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.contest import Contest, enough, hold, run
from workshop.bench.load import Builtin, Run
from workshop.bench.measure import Plan, Sample
from workshop.bench.servers import Usage
from workshop.errors import WorkshopError

PLAN = Plan(rounds=2, seconds=1, warm_up=0.5)
WORKS = ("hello", "post")


@dataclass
class Fake:
    """A server whose work costs what we say, and what became of it."""

    name: str
    cost: float = 1e-5  # seconds a request
    wrong: str | None = None
    switches: float = 0  # a request
    dated: bool = False
    calls: list = field(default_factory=list)
    answers: int = 0

    @contextlib.contextmanager
    def launch(self, core):
        self.calls.append("launch")
        try:
            yield replace(self, answers=0)
        finally:
            self.calls.append("end")

    def check(self, server):
        self.calls.append("check")
        if self.wrong:
            raise WrongAnswer(self.wrong)
        fields = {"date": "now"} if self.dated else {}
        return [Case(work, b"GET /", 200, fields) for work in WORKS]

    port = 80

    @property
    def host(self):
        """What our generator needs to find us."""
        return self

    def usage(self):
        slept = int(self.answers * self.switches)
        return Usage(self.answers * self.cost, slept, 1)


class Load:
    """A generator that has always a thousand answers a second."""

    name = "fake"
    seconds = 0

    def another(self):
        return Load()

    def open(self, host, port, case):
        self.entrant = host

    def turn(self, seconds):
        self.entrant.answers += round(1000 * seconds)
        self.seconds += seconds

    def sums(self):
        seconds, self.seconds = self.seconds, 0
        return Run(round(1000 * seconds), seconds)

    def run(self, seconds):
        self.turn(seconds)
        return self.sums()

    def close(self):
        pass


def raced(*entrants, plan=PLAN):
    contest = Contest(entrants, WORKS)
    run(contest, Load(), plan, None)
    return contest


def sampled(shares, switches):
    """Return a contest whose only entrant used these shares of its core."""
    contest = Contest([Fake("a")], WORKS)
    contest.races["hello"].samples = [
        Sample("a", n, 0, share * 1e6 / 100, 100, 1.0, switches, 1)
        for n, share in enumerate(shares)
    ]
    return contest


def test_each_launch_does_each_work_and_is_checked_before_and_after():
    one, two = Fake("one"), Fake("two", cost=2e-5)
    contest = raced(one, two)

    assert two.calls == ["launch", "check", "check", "end"] * 2
    # And its second copy, which runs at the same time.
    both = ["launch", "check"] * 2 + ["check"] * 2 + ["end"] * 2
    assert one.calls == both * 2
    for work in WORKS:
        rounds = [s.round for s in contest.races[work].of("two")]
        assert rounds == [0, 1]
        assert contest.races[work].of("two")[0].cpu_us == pytest.approx(20)
        assert contest.data("two", work)["ratio"]["median"] == (
            pytest.approx(2)
        )


def test_the_first_is_compared_with_its_second_copy():
    contest = raced(Fake("one"), Fake("two"))

    assert contest.noise()["hello"]["limit"] == pytest.approx(0)
    assert contest.data("one", "hello")["ratio"] is None
    assert contest.data("one", "hello")["verdict"] == "first"


def test_who_answers_wrongly_runs_no_more_and_is_told():
    good, bad = Fake("good"), Fake("bad", wrong="it lied")
    contest = raced(good, bad)

    assert bad.calls == ["launch", "check", "end"]
    assert contest.point("bad", server="x") == {
        "name": "bad",
        "wrong": "it lied",
        "sends_date": False,
        "server": "x",
        "hello": contest.data("bad", "hello"),
        "post": contest.data("bad", "post"),
    }
    assert contest.data("bad", "hello")["cpu_us"] is None
    assert contest.wrong == {"bad": "it lied"}


@pytest.mark.parametrize("seed", range(4))
def test_a_second_copy_that_is_wrong_is_the_first(seed):
    """Whichever of the two comes first."""
    plan = Plan(rounds=1, seconds=1, seed=seed)

    assert raced(Fake("bad", wrong="it lied"), plan=plan).wrong == {
        "bad": "it lied"
    }


def test_who_is_wrong_after_the_load_has_no_sample():
    late = Fake("late")

    def check(server, real=late.check):
        if "check" in late.calls:
            late.wrong = "it lies now"
        return real(server)

    late.check = check
    contest = raced(late)

    assert contest.wrong == {"late": "it lies now"}
    assert contest.races["hello"].samples == []


def test_who_sends_a_date_is_told():
    contest = raced(Fake("one", dated=True), Fake("two"))

    assert contest.dated == {"one"}


@pytest.mark.parametrize(
    ("shares", "switches", "busy"),
    [
        ([0.5, 0.5], 0.01, True),  # it never slept
        ([0.95, 0.97], 3, True),  # threads hand on, and the core is full
        ([0.5, 0.95, 0.6], 3, False),
    ],
)
def test_a_server_is_busy_if_it_never_sleeps_or_fills_its_core(
    shares, switches, busy
):
    assert sampled(shares, switches).busy("a", "hello") is busy


def test_verdict_is_unclear_if_a_server_was_not_busy():
    plan = Plan(rounds=6, seconds=1)
    clear = raced(Fake("one"), Fake("two", cost=2e-5), plan=plan)
    idle = raced(Fake("one"), Fake("two", cost=2e-5, switches=1), plan=plan)

    assert clear.verdict("two", "hello") == "slower"
    assert idle.verdict("two", "hello") == "unclear"


def test_order_changes_from_round_to_round():
    told = []
    entrants = [Fake(name) for name in "abc"]
    contest = Contest(entrants, WORKS)
    run(contest, Load(), PLAN, None, lambda t, s: told.append((t, s)))

    names = [t.split("launching ")[1] for t, _ in told if "launching" in t]
    assert sorted(names[:4]) == ["a", "again", "b", "c"]
    assert names[4:] == names[3::-1]
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1][0] == "round 2 of 2: post, turn 10 of 10"


def test_generator_gets_processes_until_the_server_is_busy():
    lazy = Fake("lazy", switches=1)
    load = object.__new__(Builtin)
    load.processes = ["one"]
    load.add_process = lambda: load.processes.append("more")
    load.another = Load

    enough(Contest([lazy], WORKS), load, PLAN, None, 3)
    assert len(load.processes) == 3

    lazy.switches = 0
    load.processes = ["one"]
    enough(Contest([lazy], WORKS), load, PLAN, None, 3)
    assert len(load.processes) == 1


def test_generator_is_not_grown_for_a_server_that_is_wrong():
    load = object.__new__(Builtin)
    load.processes = ["one"]

    wrong = Contest([Fake("bad", wrong="it lied")], WORKS)
    enough(wrong, load, PLAN, None, 3)

    assert load.processes == ["one"]


def test_noise_is_kept_even_if_we_are_interrupted():
    class Study:
        core, plan = None, {"rounds": 1}

        def tell(self, text, share):
            if text.startswith("round"):
                raise KeyboardInterrupt

    study = Study()
    entrant = Fake("a")
    with pytest.raises(KeyboardInterrupt):
        hold(study, Contest([entrant], WORKS), Load(), PLAN)

    assert study.plan["load"] == "fake"
    assert study.plan["noise"]["hello"] == {"limit": None, "samples": []}


def test_a_server_that_does_not_start_is_wrong():
    dead = Fake("dead")

    @contextlib.contextmanager
    def launch(core):
        raise WorkshopError("its server ended with status 1: no.")
        yield

    dead.launch = launch
    contest = raced(Fake("one"), dead)

    assert contest.wrong == {"dead": "its server ended with status 1: no"}
