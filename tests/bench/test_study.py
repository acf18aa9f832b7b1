"""An experiment that measures in its own way: shown, kept, returned."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from workshop.bench import measure
from workshop.bench import study as studies
from workshop.bench.experiment import Lab, lab
from workshop.bench.measure import Plan
from workshop.bench.study import Options, conduct
from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.steps import find
from workshop.verbs import START


def three(study):
    """Measure three points."""
    study.plan = {"points": 3}
    for number in range(3):
        study.tell(f"point {number}", number / 3)
        study.add(name=f"point {number}", value=number)


def experiment_of(measure, **more):
    """Return an experiment that measures so."""
    return SimpleNamespace(
        QUESTION="Is it so?",
        COLUMNS=["point", "value"],
        measure=measure,
        row=lambda point: [point["name"], str(point.get("value", "-"))],
        sentences=lambda result: ["It is so."],
        picture=lambda result: "<svg/>",
        **more,
    )


@pytest.fixture
def conducted(tmp_path, validate_study):
    """Return a function that conducts one: its status, result, text."""

    def run(measure, **options):
        paper = Console(file=io.StringIO(), width=100)
        kept = tmp_path / "out.json"
        more = Options(json=kept, svg=tmp_path / "o.svg", **options)
        status = conduct(lab("x", more, experiment_of(measure), paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def test_points_are_shown_and_kept(conducted, tmp_path):
    status, result, text = conducted(three, quick=True)

    assert status == 0
    assert (result["complete"], result["valid"]) == (True, True)
    assert result["points"][2] == {
        "wrong": None,
        "name": "point 2",
        "value": 2,
    }
    assert result["plan"] == {"points": 3}
    assert result["sources"]["05"] == sources(find("05").folder)
    assert result["command"] == f"{START} bench x --quick"
    assert "Is it so?" in text
    assert "It is so." in text
    assert (tmp_path / "o.svg").read_text() == "<svg/>"


def test_a_pipe_is_told_how_far_we_are(conducted, monkeypatch):
    monkeypatch.setattr(studies, "SOON", 0)
    _, _, text = conducted(three)

    assert "0% done: point 0" in text
    assert "33% done: point 1, about" in text


def test_a_point_that_is_not_valid_is_told(conducted):
    def measure(study):
        study.add(name="one", wrong="it lied")

    status, result, text = conducted(measure)

    assert status == 1
    assert result["valid"] is False
    assert result["sentences"] == []
    assert "WRONG: one: it lied." in text


def test_ctrl_c_keeps_what_is_known(conducted):
    def measure(study):
        study.add(name="one", value=1)
        raise KeyboardInterrupt

    status, result, text = conducted(measure)

    assert status == 130
    assert result["complete"] is False
    assert [point["name"] for point in result["points"]] == ["one"]
    assert "x (partial: it was interrupted)" in text


def test_a_module_called_measure_measures_nothing_by_itself():
    arms = experiment_of(measure, QUICK=Plan(1, 1), FULL=Plan(1, 1))

    assert isinstance(lab("x", Options(), arms), Lab)


def test_words_that_nobody_asked_for_are_refused():
    with pytest.raises(WorkshopError, match="x takes no 'HEAD'"):
        lab("x", Options(words=("HEAD",)), experiment_of(three))


def test_words_are_part_of_the_command(conducted):
    words = experiment_of(three, WORDS="REV")

    study = lab("x", Options(words=("HEAD",)), words)

    assert study.command() == f"{START} bench x HEAD"
