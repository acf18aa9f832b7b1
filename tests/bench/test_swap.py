"""Parts replaced behind the same interface: what is asked and concluded."""

import asyncio
import os

import pytest

from workshop.bench.arms import Arm
from workshop.bench.counts import count
from workshop.bench.experiment import find
from workshop.bench.study import Options
from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import find as step

SWAP = find("swap")
FOLDER = step("05").folder


# A router that says of each name that a stranger is meant.
STRANGER = """
class Routes:
    def __init__(self):
        self.known = {}

    def add(self, path, **payload):
        self.known[path] = payload

    def match(self, path):
        if path.startswith("/hello/"):
            return self.known["/hello/{name}"], {"name": "stranger"}
        return None, None
"""


def asked(running, target):
    """Return the answer to a GET."""
    end = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    exchange = Wire(running.url).send(f"GET {target}{end}".encode())
    (answer,) = exchange.answers
    return answer


def told(**verdicts):
    """Return a result in which swaps of hello have these verdicts."""
    arms = [{"name": "hello, as it is", "than_below": None}]
    for name, word in verdicts.items():
        ratio = {"median": 0.8, "low": 0.7, "high": 0.9, "confidence": 0.95}
        against = {"verdict": word, "ratio": ratio}
        arms.append({"name": f"hello, {name}", "than_below": against})
    return {"arms": arms}


def without(monkeypatch, *packages):
    """Let these packages be missing."""
    monkeypatch.setattr(
        SWAP, "find_spec", lambda name: None if name in packages else True
    )


def counted(swap, case=SWAP.HELLO, **env):
    env = {"SWAP": swap, "DRONES": SWAP.LIST, **env}
    return count(FOLDER, case, SWAP.PROGRAM, env)[0]


# What is not installed cannot be tried.
SWAPS = [swap for swap in SWAP.SWAPS if swap not in SWAP.left_out()]


@pytest.mark.parametrize("swap", SWAPS)
def test_a_part_that_is_replaced_gives_the_same_answers(swap):
    env = {"SWAP": swap, "DRONES": SWAP.LIST}
    with launched(FOLDER, SWAP.PROGRAM, env) as running:
        contents = [
            asked(running, "/hello/bench").content,
            asked(running, "/drones").content,
        ]
        statuses = [
            asked(running, "/nowhere").status,
            asked(running, "/teams/red/history").status,
        ]

    assert contents == [SWAP.HELLO.content, SWAP.TABLE.content]
    assert statuses == [404, 200]


def test_routes_are_found_by_the_other_router(tmp_path):
    (tmp_path / "autoroutes.py").write_text(STRANGER, "utf-8")
    env = {"PYTHONPATH": os.pathsep.join([str(FOLDER), str(tmp_path)])}
    env["SWAP"] = "router=autoroutes"
    with launched(FOLDER, SWAP.PROGRAM, env) as running:
        found = asked(running, "/hello/bench")
        unknown = asked(running, "/nowhere")

    assert found.content == b'{"message":"Hello stranger"}'
    assert unknown.status == 404


def test_json_is_made_by_the_other_library():
    ours, theirs = counted("", SWAP.TABLE), counted("json=msgspec", SWAP.TABLE)

    assert theirs.c_calls < ours.c_calls


def test_a_task_for_each_request_is_one_task_more():
    assert (counted("").tasks, counted("task=request").tasks) == (0, 1)


def test_each_swap_is_compared_with_the_same_request_as_it_is(monkeypatch):
    without(monkeypatch)
    arms = SWAP.arms(Options())

    bases = [(arm.name, arm.env["SWAP"]) for arm in arms if not arm.beside]
    assert bases == [("hello, as it is", ""), ("50 drones, as it is", "")]
    assert arms[0].name == "hello, as it is"
    assert [arm.name for arm in arms[-3:]] == [
        "50 drones, as it is",
        "50 drones, json=orjson",
        "50 drones, json=msgspec",
    ]
    assert f"hello, {SWAP.BOTH}" in [arm.name for arm in arms]
    assert all(isinstance(arm, Arm) for arm in arms)


def test_what_is_missing_is_left_out_with_what_would_bring_it(monkeypatch):
    without(monkeypatch, "autoroutes")
    names = [arm.name for arm in SWAP.arms(Options())]

    said = SWAP.sentences(told(**{"json=orjson": "same"}))

    assert not [name for name in names if "autoroutes" in name]
    assert "hello, json=orjson" in names
    sentence = "router=autoroutes; `python -m pip install autoroutes` brings"
    assert [s for s in said if sentence in s]


def test_eager_tasks_need_a_python_that_has_them(monkeypatch):
    monkeypatch.delattr(asyncio, "eager_task_factory", raising=False)
    assert "hello, task=eager" not in [a.name for a in SWAP.arms(Options())]
    assert "3.12" in SWAP.left_out()["task=eager"]

    monkeypatch.setattr(asyncio, "eager_task_factory", None, raising=False)
    assert "hello, task=eager" in [a.name for a in SWAP.arms(Options())]


def test_a_quick_run_replaces_less_and_says_so(monkeypatch):
    without(monkeypatch)
    arms = SWAP.arms(Options(quick=True))
    few = told(**{"json=orjson": "same"})
    many = told(**dict.fromkeys(SWAP.SWAPS, "same"))

    assert len(arms) == 4
    assert "quick" in SWAP.sentences(few)[-1]
    assert "quick" not in " ".join(SWAP.sentences(many))


def test_verdicts_are_told_in_words(monkeypatch):
    without(monkeypatch)
    verdicts = {"a": "faster", "b": "slower", "c": "same", "d": "unclear"}

    said = SWAP.sentences(told(**verdicts))

    figure = "0.80 times (0.70 to 0.90)"
    assert f"Cheaper, in CPU time: hello, a {figure}." in said
    assert f"Dearer, in CPU time: hello, b {figure}." in said
    assert f"No difference: hello, c {figure}." in said
    unclear = f"Not to be told from noise in this run: hello, d {figure}."
    assert unclear in said


def test_what_is_as_it_is_has_no_verdict():
    known = {"counts": None, "cpu_us": None}
    first, swapped = told(a="faster")["arms"]
    second = {**swapped, "name": "50 drones, as it is"}

    assert SWAP.row(first | known)[-2:] == ["", ""]
    assert SWAP.row(second | known)[-2:] == ["", ""]
    assert SWAP.row(swapped | known)[-2:] == ["0.80\n0.70-0.90", "faster"]
