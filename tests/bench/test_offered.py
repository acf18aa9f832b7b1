"""Response time over offered load: what is kept, judged, said and drawn."""

import contextlib
import io
import json
from array import array
from xml.etree import ElementTree

import psutil
import pytest
from rich.console import Console

from workshop.bench import offered
from workshop.bench.arrivals import Trace
from workshop.bench.experiment import find, lab
from workshop.bench.offered import (
    Plan,
    Sample,
    figures_of,
    packed,
    percentiles,
    points,
    spoiled,
    unpacked,
)
from workshop.bench.offered_picture import drawn, lines
from workshop.bench.servers import server
from workshop.bench.study import Options, Study, conduct

LOAD = find("load")
PLAN = Plan(3, 1.0, (0.1, 0.9, 1.05))
SVG = "{http://www.w3.org/2000/svg}"


def times(p50, p90, p99):
    return {"p50": p50, "p90": p90, "p99": p99}


def sample(load=0.5, **other):
    """Return a sample of an undisturbed run."""
    known = {
        "arm": "05",
        "round": 0,
        "position": 0,
        "load": load,
        "capacity": 40_000.0,
        "rate": 40_000 * load,
        "seconds": 1.0,
        "answers": int(40_000 * load),
        "reached": 1.0,
        "switches": 0.01,
        "stopped": 0.0,
        "in_system": 2.0,
        "response": times(0.1, 0.2, 1.0),
        "closed": times(0.1, 0.2, 0.5),
        "late": times(0.0, 0.01, 0.02),
        "raw": {},
    }
    return Sample(**{**known, **other})


def result_of(samples, loads=LOAD.LOADS, wrong=None):
    """Return what the sentences and the picture are made from."""
    names = sorted({s.arm for s in samples} | {*(wrong or {})})
    plan = Plan(3, 1.0, tuple(loads))
    known = [*points(names, plan, samples, wrong or {})]
    return {"points": known, "plan": {"loads": loads}}


# What is kept


def test_times_shrink_and_come_back():
    seconds = [(number * 7919 % 5000) / 1e6 for number in range(60_000)]

    text = packed(array("d", seconds))

    exact = sorted(round(time * 1e6) for time in seconds)
    assert unpacked(text)[:12_000] == exact[:12_000]  # less than 1,000 us
    assert unpacked(text) == pytest.approx(exact, rel=0.005)
    assert len(text) < 3_000


def test_figures_of_a_trace_come_from_its_raw_times():
    ms = array("d", (number / 1000 for number in range(1, 1001)))
    nothing = array("d", bytes(8 * 1000))
    sent = array("d", [0.001] * 1000)
    stopped = array("d", [0.01, 0.02])
    found = figures_of(Trace(nothing, nothing, sent, ms, stopped), 0.25)

    assert found["response"] == times(501.0, 901.0, 991.0)
    assert found["closed"] == times(500.0, 900.0, 990.0)
    assert found["late"] == times(1.0, 1.0, 1.0)
    assert found["reached"] == 0.2
    assert found["stopped"] == pytest.approx(0.03)
    assert unpacked(found["raw"]["response"])[-1] == 1_000_000
    assert unpacked(found["raw"]["closed"])[-1] == 999_000


def test_a_point_is_the_median_of_its_launches():
    samples = [sample(0.9, response=times(1, 2, n)) for n in (3.0, 9.0, 4.0)]

    (point,) = points(["05"], PLAN, samples, {})

    assert point["name"] == "05, 90%"
    assert point["response"]["p99"] == {"median": 4, "low": 3, "high": 9}
    assert point["wrong"] is None
    assert len(point["samples"]) == 3


def test_a_percentile_that_one_launch_cannot_tell_is_not_told():
    samples = [sample(0.1), sample(0.1, response={"p50": 1.0})]

    (point,) = points(["05"], PLAN, samples, {})

    assert point["response"]["p50"]["median"] == 0.55
    assert point["response"]["p99"] is None
    assert LOAD.row(point)[3:6] == ["0.55", "-", "-"]


# What is judged


def test_an_undisturbed_point_is_valid():
    assert spoiled(0.5, [sample()] * 3) is None


@pytest.mark.parametrize(
    "late", [times(0.03, 0.03, 0.03), times(0.0, 0.05, 0.1), times(0, 0, 0.3)]
)
def test_a_slowed_generator_is_reported(late):
    said = spoiled(0.5, [sample(late=late)] * 3)

    assert said.startswith("the generator itself sent late")


def test_a_generator_that_was_stopped_is_reported():
    said = spoiled(1.05, [sample(1.05, reached=0.9, stopped=0.034)])

    assert said == "the generator was stopped for 3.4% of the time"


def test_one_disturbed_launch_of_three_spoils_nothing():
    slow = times(5, 6, 7)
    bad = sample(late=times(5, 5, 5), response=slow, stopped=0.2)

    assert spoiled(0.5, [sample(), bad, sample()]) is None
    assert spoiled(0.5, [bad, bad, sample()])


def test_a_queue_that_grows_above_capacity_is_what_we_look_for():
    (point,) = points(["05"], PLAN, [sample(1.05, reached=0.9)], {})

    assert point["wrong"] is None
    assert point["grew"] is True
    assert LOAD.row(point)[-1] == "queue grew"
    assert LOAD.COLUMNS[-1]  # Plain lines leave out what has no head.


def test_a_queue_that_grows_below_capacity_is_not_valid():
    (point,) = points(["05"], PLAN, [sample(0.9, reached=0.9)], {})

    assert "was not reached (90%), though it is below" in point["wrong"]
    assert LOAD.row(point)[-1] == "not valid"


def test_a_queue_that_grows_while_the_server_sleeps_is_not_its_own():
    said = spoiled(1.05, [sample(1.05, reached=0.9, switches=0.3)])

    assert said.endswith("the generator was too slow")


def test_a_server_that_answers_wrongly_is_red_whatever_it_had_before():
    wrong = {"05": "it lied", "06": "it did not start"}

    before, never = points(["05", "06"], PLAN, [sample(0.1)], wrong)

    assert (before["name"], before["wrong"]) == ("05, 10%", "it lied")
    assert (never["name"], never["wrong"]) == ("06", "it did not start")
    assert LOAD.row(never)[1:] == ["-"] * 7 + ["not valid"]


# What is said


def rising():
    """Return the points of two servers that behave as servers do."""
    return [
        sample(
            load,
            arm=arm,
            response=times(0.1, 0.2, p99),
            closed=times(0.1, 0.2, closed),
        )
        for arm in ("04", "05")
        for load, p99, closed in (
            (0.1, 0.25, 0.24),
            (0.95, 2.5, 1.25),
            (1.05, 50.0, 2.0),
        )
    ]


def test_the_sentences_say_how_p99_rises_and_what_a_closed_loop_hides():
    rise, hidden = LOAD.sentences(result_of(rising()))

    assert (
        "04: 0.25 ms (0.25 to 0.25) at 10% of its 40,000 requests a second,"
        " 2.50 ms (2.50 to 2.50) at 95%; 05: 0.25 ms"
    ) in rise
    assert "no rise" not in rise
    assert "with 04, 105% of capacity, its p99 would be 2.00 ms" in hidden
    assert "had waited 50.00 ms" in hidden


def test_a_rise_within_the_spread_of_the_rounds_is_called_none():
    points = [
        sample(load, round=number, response=times(0.1, 0.2, p99))
        for load, found in ((0.1, (0.2, 3.0)), (0.9, (2.0, 4.0)))
        for number, p99 in enumerate(found)
    ]
    (rise, *_) = LOAD.sentences(result_of(points, LOAD.LOADS))

    assert "1.60 ms (0.20 to 3.00) at 10%" in rise
    assert rise.endswith("at 90%, which is no rise that this run could see.")


def test_a_quick_run_says_what_it_left_out():
    *_, said = LOAD.sentences(result_of(rising(), (0.1, 0.95, 1.05)))

    assert said == (
        "This quick run offered 10%, 95% and 105% of capacity only, to 04"
        " and 05."
    )


def test_a_whole_run_left_out_nothing():
    assert len(LOAD.sentences(result_of(rising(), LOAD.FULL.loads))) == 2


def test_nothing_is_said_where_samples_do_not_suffice():
    few = {"p50": 1.0}

    assert LOAD.sentences(result_of([sample(0.1, response=few)])) == []


# What is drawn


def test_each_server_has_its_chart_on_the_same_scale():
    slower = sample(1.05, arm="05", response=times(0.01, 90.0, 900.0))
    points = result_of([*rising()[:5], slower])["points"]

    root = ElementTree.fromstring(drawn("Load", points))

    charts = root.findall(f"{SVG}svg")
    assert [chart.find(f"{SVG}title").text for chart in charts] == ["04", "05"]
    scales = [
        [t.text for t in chart.iter(f"{SVG}text") if t.get("text-anchor")]
        for chart in charts
    ]
    assert scales[0] == scales[1]
    assert "p99 50.00 ms at 105%" in root.find(f"{SVG}desc").text


def test_the_closed_loop_is_dotted_and_what_is_not_valid_crossed_out():
    samples = [
        sample(0.1),
        sample(0.9, reached=0.5),
        sample(1.05, reached=0.9),
    ]

    *solid, dotted = lines(result_of(samples)["points"])

    assert [curve.label for curve in solid] == ["p50", "p90", "p99"]
    assert {curve.dash for curve in solid} == {"solid"}
    assert (dotted.label, dotted.dash) == ("p99 closed loop", "dotted")
    assert dotted.points[0] == pytest.approx((10, 0.5))
    assert [curve.invalid for curve in (*solid, dotted)] == [[1]] * 4
    assert all(2 in curve.hollow for curve in solid)


def test_nothing_measured_draws_nothing_and_does_not_fail():
    few = result_of([], wrong={"05": "it lied"})

    assert ElementTree.fromstring(LOAD.picture(few)).findall(f"{SVG}svg") == []


# From end to end


@pytest.fixture
def conducted(tmp_path, monkeypatch, validate_study, tiny):
    """Return a function that runs a tiny form against one server."""

    def run(content):
        lie = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + content
        arm = tiny(tmp_path / "tiny", lie, "self.every > 2")
        monkeypatch.setattr(offered, "ENOUGH", 20)
        monkeypatch.setattr(LOAD, "step_arms", lambda words, case: [arm])
        plan = Plan(1, 0.05, (0.1, 0.2), 0.05, 0.02, connections=2)
        monkeypatch.setattr(LOAD, "FULL", plan)
        paper, kept = Console(file=io.StringIO(), width=100), tmp_path / "j"
        options = Options(json=kept, svg=tmp_path / "svg")
        status = conduct(lab("load", options, LOAD, paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def test_it_runs_from_end_to_end(conducted, monkeypatch, tmp_path):
    monkeypatch.setattr(offered, "spoiled", lambda load, samples: None)
    status, result, text = conducted(b"hi")

    assert status == 0
    assert [point["name"] for point in result["points"]] == [
        "tiny, 10%",
        "tiny, 20%",
    ]
    for point in result["points"]:
        (one,) = point["samples"]
        raw = unpacked(one["raw"]["response"])
        assert len(raw) == one["answers"] >= 1
        assert one["rate"] == pytest.approx(point["load"] * one["capacity"])
    assert result["plan"]["load"] == "builtin, open loop"
    assert "2 connections; 1 rounds of 2 loads, 0.05 s each, after a" in text
    assert "tiny, 10%" in text
    ElementTree.fromstring((tmp_path / "svg").read_text("utf-8"))


def test_a_wrong_content_fails_the_run(conducted):
    status, result, text = conducted(b"ho")

    assert status == 1
    assert result["valid"] is False
    assert "content is b'ho'" in text
    assert result["sentences"] == []


def test_ctrl_c_keeps_what_was_measured_and_ends_the_server(
    conducted, monkeypatch
):
    started = []

    @contextlib.contextmanager
    def watched(arm, core):
        with server(arm, core) as running:
            started.append(running.pid)
            yield running

    def tell(self, text, share):
        if share:
            raise KeyboardInterrupt

    monkeypatch.setattr(offered, "server", watched)
    monkeypatch.setattr(Study, "tell", tell)

    status, result, _ = conducted(b"hi")

    assert status == 130
    assert len(result["points"]) == 1
    assert not psutil.pid_exists(started[0])


def test_the_shares_and_servers_are_those_of_the_question():
    assert min(LOAD.LOADS) == 0.1
    assert max(LOAD.LOADS) == 1.05
    assert {*LOAD.QUICK.loads} <= {*LOAD.LOADS}
    asked = []
    for quick in (True, False):
        study = lab("load", Options(quick=quick), LOAD, Console())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                LOAD.offered,
                "measure",
                lambda study, arms, plan: asked.append([a.name for a in arms]),
            )
            LOAD.measure(study)

    assert asked == [
        ["04 extensions", "05 benchmarks"],
        ["02 routing", "04 extensions", "05 benchmarks"],
    ]


def test_percentiles_are_told_only_where_the_samples_suffice():
    seconds = [number / 1000 for number in range(1, 1001)]

    assert percentiles(seconds) == {"p50": 501.0, "p90": 901.0, "p99": 991.0}
    assert set(percentiles(seconds[:99])) == {"p50"}
    assert set(percentiles(seconds * 10)) == {"p50", "p90", "p99", "p99.9"}
