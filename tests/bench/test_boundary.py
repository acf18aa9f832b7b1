"""Whether ASGI costs: what is called, who serves, what is concluded."""

import io
import json
import os

import pytest
from rich.console import Console

from workshop.bench import Case, boundary, calls, programs, servers
from workshop.bench.cases import judged
from workshop.bench.counts import count
from workshop.bench.experiment import find, lab
from workshop.bench.measure import AGAIN, Plan, Race, Sample
from workshop.bench.servers import Usage, total
from workshop.bench.study import Options, conduct
from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import find as step

BOUNDARY = find("boundary")
ARMS = {arm.name: arm for arm in boundary.arms(quick=False)}
PATIENCE = 20  # seconds: hypercorn listens before it has imported all
TINY = Plan(rounds=1, seconds=0.02, warm_up=0.02, connections=2)


def sample(arm, cpu_us, switches=0.0, seconds=1.0, number=0):
    """Return a launch that answered 10,000 requests."""
    return Sample(arm, number, 0, cpu_us, 10_000, seconds, switches, 0, {})


def point(cost, **more):
    """Return a point that took so many microseconds."""
    found = {"median": cost, "low": cost, "high": cost, "confidence": 0.95}
    return {"cpu_us": found, "counts": None, "busy": True, **more}


def told(quick=False, **more):
    """Return a result in which ASGI costs 2 µs, and uvicorn 20."""
    points = {
        "smallest, native": point(3.0, counts={"bytecodes": 100}),
        "smallest, through ASGI": point(5.0, counts={"bytecodes": 190}),
        "pico, native": point(10.0, noise=0.02),
        "pico, through ASGI": point(25.0),
        "uvicorn": point(30.0),
        **more,
    }
    named = [{"name": name} | known for name, known in points.items()]
    return {"points": named, "plan": {"quick": quick}}


@pytest.mark.parametrize("name", ARMS)
def test_each_server_gives_the_same_answer(name):
    arm = ARMS[name]
    with launched(arm.folder, arm.program, arm.env) as running:
        exchange = Wire(running.url, PATIENCE).send(
            arm.case.request.replace(
                b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
            )
        )
    (answer,) = exchange.answers

    assert (answer.status, answer.content) == (200, b"Hello, world!")


def test_calls_are_counted_and_timed_without_a_server():
    costs = calls.measure(step("05").folder, seconds=0.001, seed=1)

    native, through = (costs[name].counts for name in calls.NAMES[2:])
    assert list(costs) == list(calls.NAMES)
    assert (native.tasks, native.writes) == (1, 1)
    assert (through.tasks, through.writes) == (1, 1)
    assert through.bytecodes > native.bytecodes
    assert costs["callable"].counts.bytecodes > 0
    assert all(cost.cpu_us >= 0 for cost in costs.values())


def test_counts_of_calls_are_the_same_in_each_process():
    folder = step("05").folder

    one = calls.measure(folder, 0.001, 1)
    two = calls.measure(folder, 0.001, 2)

    counts = [[cost.counts for cost in found.values()] for found in (one, two)]
    assert counts[0] == counts[1]


def test_a_call_that_waits_cannot_be_stepped():
    class Waits:
        def __await__(self):
            yield

    async def waits():
        await Waits()

    with pytest.raises(AssertionError, match="It waits"):
        calls.Stepped(waits).once()


def test_counts_that_differ_are_none():
    one, two = calls.Counts(1, 1, 1, 0, 0), calls.Counts(2, 1, 1, 0, 0)

    assert calls.exact([one, one]) == one
    assert calls.exact([one, two]) is None


def test_pico_goes_really_through_asgi():
    native, through = (ARMS[n] for n in (boundary.NATIVE, boundary.THROUGH))

    ours, _ = count(native.folder, native.case, native.program, native.env)
    theirs, _ = count(native.folder, native.case, native.program, through.env)

    assert (ours.tasks, theirs.tasks) == (0, 1)


def test_quick_runs_ask_few_servers():
    names = [arm.name for arm in boundary.arms(quick=True)]

    assert names == ["pico, native", "pico, through ASGI", "uvicorn"]
    assert len(ARMS) + len(boundary.missing()) == 7


def test_servers_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setitem(boundary.SERVERS, "daphne", ("daphne", "no_such", ""))

    assert "daphne" not in [arm.name for arm in boundary.arms(quick=False)]
    assert boundary.missing() == ["daphne"]
    assert "Left out, as not installed: daphne." in BOUNDARY.sentences(told())


def test_one_server_alone_is_compared_with_none():
    alone = told()
    alone["points"].pop()

    assert "Servers of one" not in " ".join(BOUNDARY.sentences(alone))


def test_what_children_used_is_the_servers():
    assert total([Usage(1.5, 2, 3), Usage(0.25, 1, 1)]) == Usage(1.75, 3, 4)


PARENT = """
import subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
threading.Thread(target=child.wait, daemon=True).start()
print("Listening on http://127.0.0.1:1", flush=True)
child.wait()
"""


@pytest.fixture
def parent(tmp_path):
    """Return the process id of a program with a child and a thread."""
    (tmp_path / "app.py").write_text(PARENT, "utf-8")
    with launched(tmp_path) as running:
        yield running.process.pid


def test_a_server_is_a_process_with_its_children(parent):
    family = servers.family(parent)
    used = servers.Server("127.0.0.1", 1, parent).usage()

    assert [process.pid == parent for process in family] == [True, False]
    assert used.memory > family[0].memory_info().rss


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux pins threads"
)
def test_all_threads_and_children_are_kept_on_one_core(parent):
    core = max(os.sched_getaffinity(0))

    servers.pin(parent, core)

    family = servers.family(parent)
    threads = [t.id for process in family for t in process.threads()]
    assert len(threads) == 3
    assert [os.sched_getaffinity(t) for t in threads] == [{core}] * 3


def test_a_server_is_busy_if_it_never_slept_or_used_its_core():
    assert boundary.busy([sample("a", 20, switches=0.01)])
    assert not boundary.busy([sample("a", 20, switches=1.3)])
    assert boundary.busy([sample("a", 95, switches=1.3)])
    assert not boundary.busy([])


def test_a_server_that_slept_has_no_verdict():
    arms = [ARMS["pico, native"], ARMS["uvicorn"]]
    run = boundary.Boundary(None, TINY, arms)
    run.race = Race([arm.name for arm in arms])
    for number in range(6):
        for name, cost in (("pico, native", 10), (AGAIN, 10), ("uvicorn", 30)):
            run.race.samples.append(sample(name, cost, number=number))
    native, slower = run.served()

    for index, found in enumerate(run.race.samples):
        if found.arm == "uvicorn":
            lazy = sample("uvicorn", 30, switches=1.0, number=found.round)
            run.race.samples[index] = lazy

    assert (native["noise"], native["verdict"]) == (0, None)
    assert (slower["verdict"], slower["ratio"]["median"]) == ("slower", 3)
    assert run.served()[1]["verdict"] == "unclear"


def test_what_asgi_costs_is_told():
    said = BOUNDARY.sentences(told())

    assert "differ by 2.0 µs and 90 bytecodes a request" in said[0]
    assert "pico, through ASGI takes +15.0 µs" in said[1]
    assert "uvicorn takes +20.0 µs" in said[1]
    assert "up to 2.0%" in said[1]


@pytest.mark.parametrize(
    ("took", "said"),
    [(60.0, "it is the server that costs"), (28.0, "not much more than")],
)
def test_servers_are_compared_with_the_boundary(took, said):
    known = told(uvicorn=point(took))

    assert said in BOUNDARY.sentences(known)[2]


def test_what_was_not_busy_or_not_asked_is_told():
    lazy = told(quick=True, granian=point(30.0, busy=False))

    said = BOUNDARY.sentences(lazy)

    assert "Unclear, as they were not always busy: granian." in said
    assert "uvicorn alone" in said[-1]
    assert "uvicorn alone" not in " ".join(BOUNDARY.sentences(told()))


@pytest.fixture
def tiny(tmp_path, monkeypatch, validate_study):
    """Return a function that conducts a tiny run: its status and result."""
    two = [ARMS[name] for name in (boundary.NATIVE, boundary.THROUGH)]
    monkeypatch.setattr(BOUNDARY, "QUICK", TINY)
    monkeypatch.setattr(boundary, "CALLED", 0.001)
    monkeypatch.setattr(boundary, "arms", lambda quick: two)

    def run():
        paper = Console(file=io.StringIO(), width=100)
        more = Options(
            True, tmp_path / "o.json", tmp_path / "o.svg", "builtin"
        )
        status = conduct(lab("boundary", more, BOUNDARY, paper))
        result = json.loads((tmp_path / "o.json").read_text("utf-8"))
        validate_study(result)
        return status, result

    return run


def test_a_run_measures_calls_and_servers(tiny):
    status, result = tiny()

    points = {point["name"]: point for point in result["points"]}
    assert status == 0
    assert list(points) == [*calls.NAMES, "pico, native", "pico, through ASGI"]
    assert len(points["pico, native"]["samples"]) == 1
    assert len(points["pico, native"]["again"]) == 1
    assert points["pico, through ASGI"]["counts"]["tasks"] == 1
    assert len(result["sentences"]) >= 3


def test_a_wrong_answer_makes_the_run_invalid(tiny, monkeypatch):
    other = Case("hello", calls.CASE.request, 200, {}, b"Bye")
    two = [
        arm.__class__(arm.name, arm.folder, other, arm.program, arm.env)
        for arm in (ARMS["pico, native"], ARMS["uvicorn"])
    ]
    monkeypatch.setattr(boundary, "arms", lambda quick: two)

    status, result = tiny()

    wrong = [p["name"] for p in result["points"] if p["wrong"]]
    assert status == 1
    assert wrong == ["pico, native", "uvicorn"]
    assert result["sentences"] == []


def test_the_case_is_what_the_application_says():
    hello = (programs.FOLDER / "asgi_hello.py").read_text("utf-8")

    assert calls.CASE.content.decode() in hello
    assert judged(
        calls.CASE,
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
        b"content-length: 13\r\n\r\nHello, world!",
    )
