"""Rounds: their order, their pairs, and what a server has used."""

import contextlib
import os
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from workshop.bench import measure, servers
from workshop.bench.cases import WrongAnswer
from workshop.bench.load import Run
from workshop.bench.measure import AGAIN, Race, Sample, generator, orders
from workshop.bench.servers import cpu_seconds, pinned
from workshop.bench.shapes import CUT, HELLO
from workshop.bench.wrk import Wrk
from workshop.errors import WorkshopError


def sample(arm, number, cpu_us, switches=0.0):
    return Sample(arm, number, 0, cpu_us, 1000, 0.5, switches, 1)


def race_of(switches=0.0, **times):
    """Return a race with the given times for each round."""
    race = Race([name for name in times if name != AGAIN])
    for name, values in times.items():
        race.samples += [
            sample(name, number, value, switches)
            for number, value in enumerate(values)
        ]
    return race


def test_every_arm_runs_once_in_each_round():
    for names in orders("abcdef", 7, seed=1):
        assert sorted(names) == list("abcdef")


def test_the_order_is_balanced():
    positions = Counter()
    for names in orders("abcdef", 10, seed=2):
        for position, name in enumerate(names):
            positions[name] += position

    assert set(positions.values()) == {10 * 5 / 2}


def test_the_order_is_drawn_by_lot_and_can_be_drawn_again():
    drawn = orders("abcdef", 20, seed=3)

    assert drawn == orders("abcdef", 20, seed=3)
    assert drawn != orders("abcdef", 20, seed=4)
    assert len({tuple(names) for names in drawn}) > 10


def test_ratios_are_taken_inside_a_round():
    steady = [10.0, 20.0, 40.0, 10.0, 20.0, 40.0]
    race = race_of(a=steady, again=steady, b=[2 * each for each in steady])

    found = race.compare("a", "b")

    assert race.noise == pytest.approx(0)
    assert found.ratio.median == pytest.approx(2)
    assert found.ratio.low == pytest.approx(found.ratio.high)
    assert found.verdict == "slower"


def test_a_round_that_was_interrupted_is_no_pair():
    race = race_of(a=[1.0, 1.0, 1.0], again=[1.0, 1.0], b=[2.0])

    assert race.pairs("a", "b") == ([1.0], [2.0])


def test_a_race_without_samples_says_nothing():
    race = Race(["a", "b"])

    assert race.noise is None
    assert race.compare("a", "b") is None
    assert race.verdict("a", "b") == "unclear"
    assert race.interval("a", "cpu_us") is None


def test_a_server_that_waits_makes_the_verdict_unclear():
    values = [1.0] * 6
    double = [2.0] * 6
    busy = race_of(a=values, again=values, b=double)
    idle = race_of(switches=0.5, a=values, again=values, b=double)

    assert busy.verdict("a", "b") == "slower"
    assert idle.verdict("a", "b") == "unclear"


@pytest.mark.parametrize("reads", [None, 0.02, 2.8, 3.0])
def test_segments_that_were_read_one_by_one_are_fine(reads):
    measure.came_apart(CUT, reads)


@pytest.mark.parametrize("reads", [1.0, 2.6])
def test_segments_that_came_together_are_told(reads):
    with pytest.raises(WorkshopError, match="cut into 3 segments"):
        measure.came_apart(CUT, reads)


class Load:
    """A generator whose turns bring what we say, and that notes them."""

    def __init__(self, answers=10, wrong=None, turns=None):
        self.answers, self.wrong = answers, wrong
        self.turns = [] if turns is None else turns
        self.ran = []

    def another(self):
        return Load(self.answers, self.wrong, self.turns)

    def open(self, host, port, case):
        self.host = host

    def run(self, seconds):
        return Run(self.answers, seconds)

    def turn(self, seconds):
        self.turns.append(self.host)
        self.ran.append(seconds)
        if self.wrong == (self.host, len(self.ran)):
            raise WrongAnswer("status is 500, not 200")

    def sums(self):
        return Run(self.answers * len(self.ran), sum(self.ran))

    def close(self):
        pass


def serving(name, *usages):
    """Return a server that has used this much, each time we look."""
    left = iter(usages or [servers.Usage(0, 0, 1), servers.Usage(1, 0, 1)])
    return SimpleNamespace(host=name, port=0, usage=lambda: next(left))


def timed(*usages, case=HELLO):
    """Return the figures of ten answers in one turn."""
    found = measure.Timed(serving("a", *usages), Load(), case, 0)
    found.turn(0.1)
    return found.figures()


def test_a_launch_whose_segments_came_together_fails():
    usages = servers.Usage(1.0, 0, 1, 0), servers.Usage(2.0, 0, 1, 12)

    with pytest.raises(WorkshopError, match=r"read 1\.20 times"):
        timed(*usages, case=CUT)
    assert timed(*usages, case=HELLO)["reads"] == 1.2


def test_reads_are_told_for_each_request():
    usages = servers.Usage(1.0, 0, 1, 10), servers.Usage(2.0, 0, 1, 40)

    assert timed(*usages)["reads"] == 3.0


def test_reads_that_nobody_tells_are_none():
    usages = servers.Usage(1.0, 0, 1, None), servers.Usage(2.0, 0, 1, None)

    assert timed(*usages)["reads"] is None


def test_a_launch_costs_what_was_used_after_the_warm_up():
    figures = timed(servers.Usage(5.0, 2, 1), servers.Usage(5.5, 3, 7))

    assert figures["cpu_us"] == pytest.approx(50_000)
    assert figures["switches"] == pytest.approx(0.1)
    assert (figures["answers"], figures["seconds"]) == (10, 0.1)
    assert figures["memory"] == 7


def test_reads_of_several_processes_are_added():
    one, other = servers.Usage(1, 1, 1, 4), servers.Usage(1, 1, 1)

    assert servers.total([one, other, one]).reads == 8
    assert servers.total([other]).reads is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells")
def test_reads_are_those_of_the_process():
    process = psutil.Process()
    before = servers.reads(process)
    with Path(os.devnull).open("rb", buffering=0) as null:
        for _ in range(1000):
            null.read(1)

    assert servers.reads(process) - before >= 1000


def test_where_reads_are_not_told_there_are_none(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")

    assert servers.reads(psutil.Process()) is None


def test_reads_of_a_process_that_is_not_ours_are_none():
    def refuse():
        raise psutil.AccessDenied

    assert servers.reads(SimpleNamespace(io_counters=refuse)) is None


def test_an_unknown_load_is_a_mistake_in_usage():
    with pytest.raises(WorkshopError, match="choose auto, builtin or wrk"):
        generator("ab", 32)


def test_wrk_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr("workshop.bench.wrk.installed", lambda: False)

    with pytest.raises(WorkshopError, match="wrk is not installed") as raised:
        Wrk()

    assert raised.value.status == 3


def test_auto_is_ours_where_wrk_is_missing(monkeypatch):
    monkeypatch.setattr(measure, "installed", lambda: False)
    with generator("auto", 2) as load:
        assert load.name == "builtin, 1 process"


def test_the_cpu_clock_is_that_of_the_process():
    before = time.process_time()
    read = cpu_seconds(psutil.Process())
    after = time.process_time()

    # Where psutil reads it, it has hundredths of a second.
    assert before - 0.05 <= read <= after + 0.05


def test_pinning_leaves_a_core_to_the_server_and_is_undone(monkeypatch):
    class Process:
        cores = [0, 1, 2]

        def __init__(self, pid):
            pass

        def cpu_affinity(self, cores=None):
            if cores is None:
                return self.cores
            Process.cores = cores
            return None

    monkeypatch.setattr(servers, "psutil", SimpleNamespace(Process=Process))

    with pinned() as core:
        assert (core, Process.cores) == (2, [0, 1])
    assert Process.cores == [0, 1, 2]


def test_where_nothing_can_be_pinned_nothing_is(monkeypatch):
    class Process:
        def __init__(self, pid):
            pass

    monkeypatch.setattr(servers, "psutil", SimpleNamespace(Process=Process))

    with pinned() as core:
        assert core is None


def test_processes_are_added_until_the_server_is_busy(monkeypatch):
    found = iter([0.9, 0.3, 0.01])
    monkeypatch.setattr(
        measure, "launch", lambda *args: {"switches": next(found)}
    )
    with measure.Builtin(1, 4) as load:
        measure.enough(None, load, None, None, most=8)

        assert len(load.processes) == 3


def test_no_more_processes_are_added_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(measure, "launch", lambda *args: {"switches": 0.9})
    with measure.Builtin(1, 4) as load:
        measure.enough(None, load, None, None, most=2)

        assert len(load.processes) == 2


# Turns


TURN = 0.01


def in_turn(load, turns, names="abc"):
    """Let servers take turns; return their figures, and who was wrong."""
    wrong = {}
    plan = measure.Plan(1, turns * TURN, turn=TURN)
    blame = measure.Blame(wrong, {name: name for name in names})
    ready = {
        name: measure.Timed(serving(name), load, HELLO, 0) for name in names
    }
    found = measure.take_turns(ready, plan, blame, lambda *words: None)
    return found, wrong


def test_turns_are_taken_again_and_again():
    load = Load()
    found, wrong = in_turn(load, turns=4)

    assert "".join(load.turns) == "abcabcabcabc"
    assert found["b"]["seconds"] == pytest.approx(4 * TURN)
    assert found["b"]["answers"] == 40
    assert wrong == {}


def test_who_has_less_time_than_a_turn_has_one():
    load = Load()
    found, _ = in_turn(load, turns=0.2)

    assert "".join(load.turns) == "abc"
    assert found["a"]["seconds"] == pytest.approx(TURN / 5)


def test_who_is_wrong_has_no_other_turn_and_no_figures():
    load = Load(wrong=("b", 2))
    found, wrong = in_turn(load, turns=3)

    assert "".join(load.turns) == "abcabcac"
    assert [*found] == ["a", "c"]
    assert wrong == {"b": "status is 500, not 200"}


# Rounds


def run_with(monkeypatch, launch, load=None):
    """Run two arms in two rounds, launched by a function of ours."""
    launched = []

    @contextlib.contextmanager
    def noted(arm, core):
        launched.append(arm.name)
        launch(arm)
        yield serving(arm.name)

    monkeypatch.setattr(measure, "server", noted)
    arms = [SimpleNamespace(name=name, case=HELLO) for name in "ab"]
    race = Race(["a", "b"])
    plan, told = measure.Plan(2, 0.1, turn=0.05), []
    measure.run(
        race, arms, load or Load(), plan, None, lambda *say: told.append(say)
    )
    return race, launched, told


def test_the_first_arm_runs_twice_in_each_round(monkeypatch):
    race, launched, _ = run_with(monkeypatch, lambda arm: None)

    assert Counter(launched) == {"a": 4, "b": 2}
    assert [s.round for s in race.of("a")] == [0, 1]
    assert [s.round for s in race.of(AGAIN)] == [0, 1]
    assert sorted(s.position for s in race.samples) == [0, 0, 1, 1, 2, 2]
    assert race.wrong == {}


def test_all_of_a_round_run_at_the_same_time(monkeypatch):
    running, most = [], []

    @contextlib.contextmanager
    def server(arm, core):
        running.append(arm.name)
        yield serving(arm.name)
        running.remove(arm.name)

    class Watching(Load):
        def another(self):
            most.append(sorted(running))
            return super().another()

    monkeypatch.setattr(measure, "server", server)
    arms = [SimpleNamespace(name=name, case=HELLO) for name in "ab"]
    measure.run(Race([*"ab"]), arms, Watching(), measure.Plan(2, 0.1), None)

    assert most == [["a", "a", "b"]] * 6
    assert running == []


def test_it_is_told_what_happens_and_how_far_it_is(monkeypatch):
    _, _, told = run_with(monkeypatch, lambda arm: None)

    assert told[0][0].startswith("round 1 of 2: launching ")
    assert told[-1][0] == "round 2 of 2: turn 2 of 2"
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(3 / 4)


def test_no_more_servers_run_than_can_wait_for_their_turn(monkeypatch):
    running, most = [], set()

    @contextlib.contextmanager
    def server(arm, core):
        running.append(arm.name)
        most.add(len(running))
        yield serving(arm.name)
        running.remove(arm.name)

    monkeypatch.setattr(measure, "server", server)
    names = [f"arm {number}" for number in range(2 * measure.MOST)]
    arms = [SimpleNamespace(name=name, case=HELLO) for name in names]
    race, told = Race(names), []
    plan = measure.Plan(1, 0.1)
    measure.run(race, arms, Load(), plan, None, lambda *say: told.append(say))

    assert max(most) == measure.MOST + 2
    numbers = {name: [s.round for s in race.of(name)] for name in names}
    first, *others = numbers.values()
    assert first == [s.round for s in race.of(AGAIN)] == [0, 1]
    assert sorted(others) == [[0]] * measure.MOST + [[1]] * (measure.MOST - 1)
    shares = [share for _, share in told]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (WrongAnswer("status is 500, not 200"), "status is 500, not 200"),
        (WorkshopError("pico.py, line 1: oh."), "pico.py, line 1: oh"),
    ],
)
def test_an_arm_that_fails_is_told_and_runs_no_more(monkeypatch, error, told):
    def launch(arm):
        if arm.name == "b":
            raise error

    race, launched, _ = run_with(monkeypatch, launch)

    assert Counter(launched) == {"a": 4, "b": 1}
    assert race.wrong == {"b": told}
    assert [s.round for s in race.of("a")] == [0, 1]


def test_an_arm_that_answers_wrongly_runs_no_more(monkeypatch):
    load = Load(wrong=("b", 1))
    race, launched, _ = run_with(monkeypatch, lambda arm: None, load)

    assert Counter(launched) == {"a": 4, "b": 1}
    assert race.wrong == {"b": "status is 500, not 200"}
    assert race.of("b") == []
