"""An experiment as a whole: what it shows, keeps and returns."""

import io
import json
import signal
import subprocess
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import psutil
import pytest
from rich.console import Console

from workshop.bench import Case
from workshop.bench import study as studies
from workshop.bench.arms import extensions_of
from workshop.bench.experiment import find, lab, names
from workshop.bench.measure import Plan
from workshop.bench.study import Options, conduct
from workshop.errors import WorkshopError
from workshop.steps import ROOT, all_steps

CASE = Case("tiny", b"GET / HTTP/1.1\r\n\r\n", 200, {}, b"hi")


def experiment_of(*arms, rounds=2):
    """Return an experiment on these arms."""
    return SimpleNamespace(
        QUESTION="Is it so?",
        QUICK=Plan(rounds, seconds=0.02, warm_up=0.02, connections=2),
        FULL=Plan(rounds + 1, seconds=0.02, warm_up=0.02, connections=2),
        WIRE=False,
        COLUMNS=["arm", "verdict"],
        arms=lambda options: list(arms),
        row=lambda arm: [arm["name"], arm["verdict"]],
        sentences=lambda result: ["It is so."],
        picture=lambda result: find("ladder").picture(result),
    )


class Paper(Console):
    """A console that is no terminal; it can be told to press Ctrl-C."""

    def __init__(self, interrupt_at=None):
        super().__init__(file=io.StringIO(), width=100)
        self.interrupt_at = interrupt_at

    def print(self, *objects, **kwargs):
        super().print(*objects, **kwargs)
        if self.interrupt_at and self.interrupt_at in str(objects[0]):
            raise KeyboardInterrupt

    @property
    def text(self):
        return self.file.getvalue()


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch):
    """Let a pipe be told of each launch."""
    monkeypatch.setattr(studies, "SOON", 0)


def options(tmp_path, **more):
    more = {"quick": True, "load": "builtin"} | more
    return Options(json=tmp_path / "out.json", svg=tmp_path / "o.svg", **more)


def result_in(tmp_path):
    return json.loads((tmp_path / "out.json").read_text("utf-8"))


def test_a_run_measures_shows_and_keeps(tmp_path, validate, tiny):
    one, two = tiny(tmp_path / "one"), tiny(tmp_path / "two")
    paper = Paper()

    status = conduct(
        lab("x", options(tmp_path), experiment_of(one, two), paper)
    )

    result = result_in(tmp_path)
    validate(result)
    assert status == 0
    assert (result["valid"], result["complete"]) == (True, True)
    assert [len(arm["samples"]) for arm in result["arms"]] == [2, 2]
    assert len(result["noise"]["samples"]) == 2
    assert [arm["counts"]["writes"] for arm in result["arms"]] == [1, 1]
    assert result["sentences"] == ["It is so."]
    assert "Is it so?" in paper.text
    assert "round 2 of 2" in paper.text
    assert "It is so." in paper.text
    assert "partial" not in paper.text
    ElementTree.parse(tmp_path / "o.svg")


def test_the_full_run_has_more_rounds_unless_told_otherwise(tmp_path, tiny):
    plain = experiment_of(tiny(tmp_path / "one"))
    for more, rounds in (({"quick": False}, 3), ({"rounds": 1}, 1)):
        conduct(lab("x", options(tmp_path, **more), plain, Paper()))

        assert result_in(tmp_path)["plan"]["rounds"] == rounds


# The first is counted; then verified, warm-up, timed and verified again.
@pytest.mark.parametrize("lies_from", [1, 2, 3, 4])
def test_one_wrong_answer_makes_the_run_invalid(
    tmp_path, validate, lies_from, tiny
):
    one = tiny(tmp_path / "one")
    lie = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nho"
    # On each connection.
    liar = tiny(tmp_path / "liar", lie, f"self.seen == {lies_from}")
    paper = Paper()

    status = conduct(
        lab("x", options(tmp_path), experiment_of(one, liar), paper)
    )

    result = result_in(tmp_path)
    validate(result)
    told = {arm["name"]: arm["verdict"] for arm in result["arms"]}
    assert status == 1
    assert result["valid"] is False
    assert told == {"one": "first", "liar": "wrong"}
    assert result["arms"][1]["samples"] == []
    assert result["sentences"] == []
    assert "WRONG: liar: content is b'ho', not b'hi'." in paper.text
    assert "It is so." not in paper.text


def test_ctrl_c_leaves_a_partial_table_and_no_server(tmp_path, validate, tiny):
    one, two = tiny(tmp_path / "one"), tiny(tmp_path / "two")
    paper = Paper(interrupt_at="round 2 of")
    before = psutil.Process().children(recursive=True)

    status = conduct(
        lab("x", options(tmp_path), experiment_of(one, two), paper)
    )

    result = result_in(tmp_path)
    validate(result)
    assert status == 130
    assert result["complete"] is False
    assert [len(arm["samples"]) for arm in result["arms"]] == [1, 1]
    assert result["sentences"] == []
    assert "x (partial: it was interrupted)" in paper.text
    assert psutil.Process().children(recursive=True) == before


def test_ctrl_c_before_anything_is_known(tmp_path, validate, tiny):
    one = tiny(tmp_path / "one")
    paper = Paper(interrupt_at="Is it so?")

    status = conduct(lab("x", options(tmp_path), experiment_of(one), paper))

    validate(result_in(tmp_path))
    assert status == 130
    assert not (tmp_path / "o.svg").exists()
    assert "partial" in paper.text


LADDER = """
import sys
from workshop.bench import study
from workshop.bench.experiment import run
study.SOON = 0
options = study.Options(quick=True, load="builtin", steps=["01"])
sys.exit(run("ladder", options))
"""


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends no SIGINT to one process"
)
def test_a_real_sigint_ends_the_ladder_and_all_that_it_started():
    ladder = subprocess.Popen(
        [sys.executable, "-c", LADDER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with ladder:
        for line in ladder.stdout:
            if "round 2" in line:
                break
        family = psutil.Process(ladder.pid).children(recursive=True)
        ladder.send_signal(signal.SIGINT)
        said = ladder.stdout.read()

    assert ladder.returncode == 130
    assert "ladder (partial: it was interrupted)" in said
    assert "01 raw protocol" in said
    assert family
    assert not [child for child in family if child.is_running()]


def test_an_unknown_experiment_is_told_with_the_known_ones():
    with pytest.raises(WorkshopError, match=r"choose one of .*ladder"):
        find("leader")


def test_a_url_has_no_cpu_clock():
    with pytest.raises(WorkshopError, match="give its folder"):
        find("ladder").arms(Options(target="http://127.0.0.1:9"))


@pytest.mark.parametrize("name", names())
def test_an_experiment_is_one_question_on_one_page(name):
    experiment = find(name)
    source = (all_steps()[-1].folder / "experiments" / f"{name}.py").read_text(
        "utf-8"
    )

    assert experiment.__doc__.splitlines()[0] == experiment.QUESTION
    assert len(source.splitlines()) <= 150
    assert "Does not know: how to measure." in source


def test_the_learners_folder_stands_above_what_it_equals(tmp_path):
    step = all_steps()[1].folder
    for path in (*step.glob("[!t]*.py"),):
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")

    rungs = find("ladder").arms(Options(target=str(tmp_path)))

    told = [rung.name for rung in rungs]
    assert told[2:4] == [f"your {tmp_path.name}", "03 parsing"]


def test_the_ladder_prices_step_04_with_and_without_extensions():
    rungs = {rung.name: rung for rung in find("ladder").arms(Options())}

    assert list(rungs)[3:5] == ["04 extensions", "04 + extensions"]
    assert rungs["04 extensions"].extensions == []
    every = extensions_of(rungs["04 extensions"].folder)
    assert rungs["04 + extensions"].extensions == every
    assert {"cors", "logger", "static"} < set(every)
