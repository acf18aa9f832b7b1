"""Results: their shape, and whether they still hold."""

import copy
import json
import platform
from dataclasses import asdict

import pytest

from workshop.bench import machine, results
from workshop.bench.arms import Arm, declared, extended
from workshop.bench.counter import Counter
from workshop.bench.experiment import find
from workshop.errors import WorkshopError
from workshop.hashes import sources
from workshop.steps import ROOT

COMMITTED = ["ladder", "build", "extensions"]


@pytest.fixture(scope="module", params=COMMITTED)
def committed(request):
    return results.read(results.RESULTS / f"{request.param}.json")


def test_a_committed_result_has_its_shape(committed, validate):
    validate(committed)


def test_a_committed_result_is_whole_and_right(committed):
    assert (committed["complete"], committed["valid"]) == (True, True)
    assert len(committed["sentences"]) >= 2
    rounds = committed["plan"]["rounds"]
    first, *others = (len(arm["samples"]) for arm in committed["arms"])
    assert set(others) == {rounds}
    assert first in range(rounds, 99 * rounds, rounds)  # in each kind of them


def test_committed_counts_are_those_of_the_sources_they_name(committed):
    """Recount what has not changed since; the page says what has."""
    if minor(committed) != platform.python_version_tuple()[:2]:
        return  # Counts hold for one minor version of Python.
    case = find(committed["experiment"]).HELLO
    old = results.stale(committed)
    with Counter() as counter:
        for arm in committed["arms"]:
            if arm["name"] in old:
                continue
            folder, names = ROOT / arm["folder"], arm["extensions"]
            again = Arm("", folder, declared(folder, case))
            if names:
                again = extended("", folder, case, names)
            counts, _ = counter.count(again)

            told = arm["name"], arm["counts"]
            assert (arm["name"], asdict(counts)) == told


def minor(result):
    return tuple(result["machine"]["python"].split()[1].split(".")[:2])


def test_a_picture_can_be_drawn_of_a_committed_result(committed):
    picture = find(committed["experiment"]).picture(committed)

    for arm in committed["arms"]:
        assert arm["name"] in picture


def test_the_words_follow_the_figures(committed):
    """Whoever changes the figures changes the sentences."""
    experiment = find(committed["experiment"])
    doubled = copy.deepcopy(committed)
    for arm in doubled["arms"][1:]:
        for name in ("ratio", "cpu_us"):
            for key in ("median", "low", "high"):
                arm[name][key] *= 2

    assert experiment.sentences(committed) == committed["sentences"]
    assert experiment.sentences(doubled)[0] != committed["sentences"][0]


def a_result(folder, digest):
    arm = {"name": "one", "folder": folder.as_posix(), "hash": digest}
    return {"format": results.FORMAT, "arms": [arm]}


def test_a_result_is_stale_once_its_sources_change(tmp_path):
    (tmp_path / "pico.py").write_text("x = 1\n")
    result = a_result(tmp_path, sources(tmp_path))

    assert results.stale(result) == []
    (tmp_path / "pico.py").write_text("x = 2\n")
    assert results.stale(result) == ["one"]


def test_a_test_or_an_experiment_makes_no_result_stale(tmp_path):
    (tmp_path / "pico.py").write_text("x = 1\n")
    result = a_result(tmp_path, sources(tmp_path))
    (tmp_path / "experiments").mkdir()
    for name in ("test_x.py", "bench.py", "experiments/x.py"):
        (tmp_path / name).write_text("y = 1\n")

    assert results.stale(result) == []


def test_a_result_is_stale_once_its_folder_is_gone(tmp_path):
    assert results.stale(a_result(tmp_path / "gone", "")) == ["one"]


def test_what_is_written_can_be_read(tmp_path):
    path = tmp_path / "deep" / "x.json"
    results.write(path, a_result(tmp_path, "µ"))

    assert results.read(path) == a_result(tmp_path, "µ")
    assert path.read_bytes().isascii()
    assert b"\r" not in path.read_bytes()


def test_a_result_that_is_missing_says_how_to_make_it(tmp_path):
    with pytest.raises(WorkshopError, match="bench ladder --json"):
        results.read(tmp_path / "ladder.json")


def test_a_result_of_another_format_is_refused(tmp_path):
    results.write(tmp_path / "x.json", {"format": 0})

    with pytest.raises(WorkshopError, match="format 0, not 1"):
        results.read(tmp_path / "x.json")


def test_the_machine_is_described(validate):
    facts = machine.facts()

    assert facts["cpu"]
    assert facts["python"].endswith(platform.python_version())
    assert facts["cores"] >= 1


def test_a_machine_that_does_not_tell_its_load_is_described(monkeypatch):
    def refuse():
        raise RuntimeError("no performance counters")

    monkeypatch.setattr(machine.psutil, "getloadavg", refuse)

    assert machine.facts()["load_average"] is None


LAB = sorted(
    path.stem
    for path in results.RESULTS.glob("*.json")
    if "experiment" in json.loads(path.read_text("utf-8"))
)


def words(sentences):
    """Return all but what is not installed, here or where it was measured."""
    return [one for one in sentences if not one.startswith("Left out")]


@pytest.mark.parametrize("name", LAB)
def test_what_the_lab_found_is_whole_and_says_it_in_words(
    name, validate, validate_study
):
    found = results.read(results.RESULTS / f"{name}.json")
    shaped = validate if "arms" in found else validate_study
    asked = "ladder" if name == "build" else name  # on another Python

    shaped(found)
    assert (found["experiment"], found["complete"]) == (asked, True)
    assert found["valid"]
    assert not any("not installed" in said for said in found["sentences"])
    assert words(found["sentences"]) == words(find(asked).sentences(found))
    assert words(found["sentences"])
    assert find(asked).picture(found).startswith("<svg")
