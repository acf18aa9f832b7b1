"""The rules of the TechEmpower benchmarks, and ours, which are stricter."""

import contextlib
import io
import json
import sqlite3
from dataclasses import replace

import pytest
from rich.console import Console

from workshop.bench import audit, strict
from workshop.bench.audit import Suite, suites
from workshop.bench.experiment import find, lab
from workshop.bench.measure import Plan
from workshop.bench.strict import Strict, StrictLoop, framed, ids, only_builtin
from workshop.bench.study import Options, conduct
from workshop.bench.techempower import (
    DEPTH,
    FORTUNES,
    TOKEN,
    WORKS,
    counted,
    make,
    number,
    numbers,
    queries,
    restore,
    updates,
    wrong_rows,
)
from workshop.cli import main
from workshop.errors import WorkshopError
from workshop.exchange import Wire
from workshop.steps import find as step

EXPERIMENT = find("techempower")
JSON = "application/json"


@pytest.fixture(scope="module", params=["04", "05"])
def server(request):
    with Suite(step(request.param)).launch(None) as running:
        yield running


@pytest.fixture
def wire(server):
    restore(server.path)
    return Wire(f"http://{server.host}:{server.port}")


def get(wire, target, **fields):
    """Return the one answer to a request."""
    lines = [f"GET {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    (answer,) = wire.send("\r\n".join([*lines, "", ""]).encode()).answers
    return answer


@pytest.fixture
def statements(wire):
    """Return a function that tells what the database was asked."""
    request = b"POST /statements HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def asked(target):
        wire.send(request)
        get(wire, target)
        return counted(json.loads(get(wire, "/statements").content))

    return asked


# The rules


def test_json_is_a_message_of_its_own(wire):
    answer = get(wire, "/json")

    assert answer.content == b'{"message":"Hello, World!"}'
    assert answer.field("content-type") == JSON
    assert answer.field("content-length") == "27"


def test_plaintext_is_text(wire):
    answer = get(wire, "/plaintext")

    assert answer.content == b"Hello, World!"
    assert answer.field("content-type") == "text/plain"


@pytest.mark.parametrize("work", WORKS)
def test_each_answer_names_its_server_its_date_and_its_request(wire, work):
    answer = get(wire, WORKS[work].target, **{"X-Request-ID": "abc"})

    assert answer.field("server") == "pico"
    assert answer.field("date")
    assert answer.field("x-request-id") == "abc"


def test_sixteen_pipelined_requests_are_answered_in_order(wire):
    tokens = [b"%016d" % n for n in range(DEPTH)]
    request = WORKS["plaintext"].case.request
    segment = b"".join(request.replace(TOKEN, token) for token in tokens)
    answers = wire.send(segment, answers=DEPTH).answers

    found = [answer.field("x-request-id") for answer in answers]
    assert found == [token.decode() for token in tokens]
    assert {answer.content for answer in answers} == {b"Hello, World!"}


def test_db_is_one_row_by_one_statement(wire, statements):
    value = json.loads(get(wire, "/db").content)

    assert value["randomNumber"] == number(value["id"])
    assert statements("/db") == {"SELECT": 1}


def test_db_is_another_row_the_next_time(wire):
    found = {get(wire, "/db").content for _ in range(8)}

    assert len(found) > 1


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        *[("?queries=1", 1), ("?queries=20", 20), ("?queries=500", 500)],
        *[("?queries=501", 500), ("?queries=9999999999", 500)],
        *[("?queries=0", 1), ("?queries=-1", 1), ("?queries=x", 1)],
        *[("?queries=", 1), ("?queries=2.5", 1), ("", 1)],
    ],
)
@pytest.mark.parametrize("kind", ["queries", "updates"])
def test_rows_are_1_to_500_whatever_is_said(
    wire, statements, kind, said, rows
):
    value = json.loads(get(wire, f"/{kind}{said}").content)

    assert isinstance(value, list)
    assert len(value) == rows
    asked = statements(f"/{kind}{said}")
    assert asked["SELECT"] == rows
    assert asked.get("UPDATE", 0) == (rows if kind == "updates" else 0)


def test_updates_are_in_the_file(wire, server):
    before = numbers(server.path)
    told = json.loads(get(wire, "/updates?queries=20").content)
    after = numbers(server.path)

    changed = {each["id"]: each["randomNumber"] for each in told}
    assert len(changed) == 20
    assert after == before | changed
    assert after != before


def test_fortunes_are_escaped_sorted_and_one_more(wire, statements):
    answer = get(wire, "/fortunes")
    page = answer.content.decode()

    assert answer.field("content-type") == "text/html; charset=utf-8"
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<tr>") == len(FORTUNES) + 2
    assert "<td>0</td><td>Additional fortune added at request time." in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&quot;This should not be" in page
    assert "フレームワークのベンチマーク" in page
    order = [page.index(f"<td>{n}</td>") for n in (10, 4, 5, 2, 8, 0, 12)]
    # Computers, A bad, A computer program, ... scientist, A list, Additional
    assert order[1:3] == sorted(order[1:3])
    assert order[1] < order[2] < order[3] < order[4] < order[5]
    assert order[5] < order[0] < order[6]
    assert statements("/fortunes") == {"SELECT": 1}


@pytest.mark.parametrize("work", ["plaintext", "json"])
def test_nothing_is_asked_of_the_database_without_need(statements, work):
    assert statements(f"/{work}") == {}


def test_statements_are_noted_only_when_it_is_wanted(wire, statements):
    asked = statements("/db")
    get(wire, "/db")

    assert counted(json.loads(get(wire, "/statements").content)) == asked


# What finds a server that breaks them


def test_a_server_that_keeps_the_rules_may_be_timed(server):
    cases = Suite(step("05")).check(server)

    assert [case.name for case in cases] == [*WORKS]
    assert len(server.dates) >= 1


def world(which, held=None):
    return {"id": which, "randomNumber": held or number(which)}


def spelled(value):
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("content", "rows", "updated", "reason"),
    [
        (spelled(world(5)), None, False, None),
        (spelled([world(5), world(5)]), 2, False, None),
        (spelled([world(5, 3), world(6, 4)]), 2, True, None),
        (b"{", None, False, "content is no JSON"),
        (json.dumps(world(5)).encode(), None, False, "is not compact"),
        (spelled([world(5)]), None, False, "content is"),
        (spelled(world(5)), 1, False, "content is"),
        (spelled([world(5)]), 2, False, "1 rows came, not 2"),
        (spelled(world(5, 3)), None, False, "world 5 has the number 3"),
        (spelled([world(5, 3), world(5, 4)]), 2, True, "updated twice"),
        (spelled(world(10_001)), None, False, "a row is"),
        (spelled(world(0)), None, False, "a row is"),
        (spelled({"id": True, "randomNumber": 1}), None, True, "a row is"),
        (spelled({"randomNumber": 1, "id": 1}), None, True, "a row is"),
        (spelled([7]), 1, False, "a row is 7"),
        (spelled([[]]), 1, True, "a row is"),
    ],
)
def test_rows_that_are_wrong_are_found(content, rows, updated, reason):
    found = wrong_rows(content, rows, updated)

    assert found is None if reason is None else reason in found


class Liar:
    """A wire that changes what comes back from a server."""

    def __init__(self, wire, change):
        self.wire = wire
        self.change = change

    def send(self, request):
        exchange = self.wire.send(request)
        for answer in exchange.answers:
            self.change(request, answer)
        return exchange


def without(name):
    def change(request, answer):
        answer.fields = [f for f in answer.fields if f[0] != name]

    return change


def statement_more(request, answer):
    if b"GET /statements" in request:
        said = json.loads(answer.content)
        answer.content = json.dumps([*said, "SELECT 1"]).encode()


def another_id(request, answer):
    fields = dict(answer.fields) | {"x-request-id": "0"}
    answer.fields = [*fields.items()]


def other_status(request, answer):
    answer.status = 201


def more(request, answer):
    if answer.content:
        answer.content += b" "


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("server"), "field server is ''"),
        (without("date"), "field date is ''"),
        (without("content-type"), "field content-type is ''"),
        (without("x-request-id"), "carry the id of its request"),
        (another_id, "carry the id of its request"),
        (other_status, "status is 201"),
        (more, "content is"),
        (statement_more, "asked {'SELECT': 1}, not {}"),
    ],
)
def test_a_broken_rule_is_found(wire, server, change, reason):
    with pytest.raises(WorkshopError, match=reason):
        audit.checked(WORKS["plaintext"], Liar(wire, change), server.path)


def other_number(request, answer):
    if request.startswith(b"GET /updates"):
        rows = json.loads(answer.content)
        rows[0]["randomNumber"] = rows[0]["randomNumber"] % 10_000 + 1
        answer.content = spelled(rows)


def not_clamped(request, answer):
    if b"queries=501" in request:
        rows = json.loads(answer.content)
        answer.content = spelled([*rows, world(5)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (statement_more, "asked {'SELECT': 1}, not {}"),
        (other_number, "the file has other rows"),
        (not_clamped, "501 rows came, not 500"),
    ],
)
def test_nothing_is_timed_if_a_rule_is_broken(
    server, monkeypatch, change, reason
):
    monkeypatch.setattr(audit, "Wire", lambda url: Liar(Wire(url), change))

    with pytest.raises(WorkshopError, match=reason):
        Suite(step("05")).check(server)


def test_each_missing_answer_is_found(wire):
    with pytest.raises(WorkshopError, match="1 answers came, not 2"):
        audit.asked(wire, WORKS["json"].case.request, 2)


def test_updates_that_are_not_written_are_found():
    content = spelled([world(5, 3)])

    audit.written(content, {5: 1, 6: 2}, {5: 3, 6: 2})
    for after in ({5: 1, 6: 2}, {5: 3, 6: 9}):
        with pytest.raises(WorkshopError, match="the file has other rows"):
            audit.written(content, {5: 1, 6: 2}, after)


def test_a_date_must_be_ours_and_move():
    dates = []
    audit.moved(dates, 1000.4, 1000)
    audit.moved(dates, 1001.9, 1000)  # It may be written once a second.
    audit.moved(dates, 1003.0, 1002)

    assert len(dates) == 3
    with pytest.raises(WorkshopError, match="behind the clock"):
        audit.moved(dates, 1010.0, 1002)
    with pytest.raises(WorkshopError, match="behind the clock"):
        audit.moved(dates, 1010.0, 1011)
    with pytest.raises(WorkshopError, match="does not move"):
        audit.moved([(1000.4, 1002)], 1003.5, 1002)


# The database


def test_database_is_as_the_suite_wants_it(tmp_path):
    make(tmp_path / "x")
    found = numbers(tmp_path / "x")

    assert [*found] == [*range(1, 10_001)]
    assert all(found[n] == number(n) for n in found)
    assert {*found.values()} == {*range(1, 10_001)}


def test_database_is_restored(tmp_path):
    make(tmp_path / "x")
    with contextlib.closing(sqlite3.connect(tmp_path / "x")) as database:
        database.execute("UPDATE world SET randomnumber = 1 WHERE id = 7")
        database.commit()
    assert numbers(tmp_path / "x")[7] == 1
    restore(tmp_path / "x")

    assert numbers(tmp_path / "x")[7] == number(7)


def test_works_of_any_number_of_rows_know_their_statements():
    assert queries(3).statements == {"SELECT": 3}
    assert updates(3).statements == {
        "SELECT": 3,
        "BEGIN": 1,
        "UPDATE": 3,
        "COMMIT": 1,
    }


# The generator


def head_of(token, content, status=200):
    return (
        f"HTTP/1.1 {status} OK\r\nx-request-id: {token.decode()}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    ).encode()


class Transport:
    """Where a client writes to."""

    def __init__(self):
        self.written = []

    def write(self, data):
        self.written.append(data)


def asking(work):
    """Return a loop and its client, which has just asked."""
    load = StrictLoop(WORKS[work].case)
    client = load.kind(load)
    client.connection_made(Transport())
    load.asking.add(client)
    client.ask()
    return load, client


def drawn(many):
    every = ids(2026)
    return [next(every) for _ in range(many)]


def test_generator_asks_with_an_id_of_its_own_each_time():
    _, client = asking("plaintext")

    (segment,) = client.transport.written
    assert segment.count(b"GET /plaintext") == DEPTH
    assert all(token in segment for token in drawn(DEPTH))
    assert len({*drawn(strict.IDS)}) == strict.IDS
    assert TOKEN not in segment


def test_generator_takes_right_answers_cut_anywhere():
    load, client = asking("plaintext")
    content = b"Hello, World!"
    data = b"".join(head_of(t, content) + content for t in drawn(DEPTH))
    for cut in range(0, len(data), 7):
        client.data_received(data[cut : cut + 7])

    assert load.wrong is None
    assert load.answers == DEPTH
    assert load.asking == set()


@pytest.mark.parametrize(
    ("work", "answers", "reason"),
    [
        ("plaintext", lambda t: [*t[1::-1], *t[2:]], "the id of its request"),
        ("json", lambda t: [b"0"], "the id of its request"),
    ],
)
def test_generator_wants_each_answer_in_its_place(work, answers, reason):
    load, client = asking(work)
    content = WORKS[work].content
    for token in answers(drawn(WORKS[work].depth)):
        client.data_received(head_of(token, content) + content)

    assert reason in load.wrong


@pytest.mark.parametrize(
    ("status", "content", "after", "reason"),
    [
        (200, b'{"message":"Hello, World?"}', b"", "content is"),
        (500, b'{"message":"Hello, World!"}', b"", "begins with"),
        (200, b'{"message":"Hello, World!"}', b"more", "follows the answer"),
    ],
)
def test_generator_finds_a_wrong_answer(status, content, after, reason):
    load, client = asking("json")
    (token,) = drawn(1)
    client.data_received(head_of(token, content, status) + content + after)

    assert reason in load.wrong
    assert load.asking == set()


def test_generator_finds_an_answer_without_a_length():
    load, client = asking("json")
    client.data_received(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n")

    assert "content-length" in load.wrong


def test_generator_judges_fields_when_it_verifies():
    load = StrictLoop(WORKS["json"].case)
    content = WORKS["json"].content
    load.judge(head_of(b"1", content), content, b"1")
    assert load.wrong is None

    load.fully = True
    load.judge(head_of(b"1", content), content, b"1")
    assert "field content-type is None" in load.wrong


def test_generator_verifies_fields_over_real_connections(server):
    case = WORKS["json"].case
    other = replace(case, fields={"server": "another"})
    with Strict(1, 2) as load:
        assert load.open(server.host, server.port, case).answers == 2
        assert load.close().answers == 2
        with pytest.raises(WorkshopError, match="field server is 'pico'"):
            load.open(server.host, server.port, other)


def test_an_answer_is_whole_or_nothing():
    content = b"hi"
    data = head_of(b"1", content) + content

    assert framed(data[:20]) is None
    assert framed(data[:-1]) is None
    assert framed(data + b"HT") == (head_of(b"1", content), b"hi", b"HT")


def test_wrk_cannot_check_each_answer(capsys):
    only_builtin("auto")
    assert main(["bench", "techempower", "--load", "wrk"]) == 2
    assert "leave --load out" in capsys.readouterr().err


# The experiment


def result_of(*costs):
    """Return a result: a cost on 04 and on 05 for each work."""
    points = []
    for work, pair in zip(WORKS, costs, strict=True):
        for name, cost in zip(("04", "05"), pair, strict=True):
            ratio = cost / pair[0]
            points.append(
                {
                    "name": f"{work}, {name}",
                    "work": work,
                    "step": name,
                    "wrong": None,
                    "statements": WORKS[work].statements or {},
                    "cpu_us": {"median": cost, "low": cost, "high": cost},
                    "ratio": {"median": ratio, "low": ratio, "high": ratio},
                    "verdict": "first" if name == "04" else "faster",
                }
            )
    noise = {work: {"limit": 0.011} for work in WORKS}
    return {"points": points, "plan": {"noise": noise}}


COSTS = [(10, 8), (20, 10), (50, 40), (200, 190), (60, 50), (500, 490)]


def test_sentences_say_what_the_figures_are_not_then_what_they_are():
    label, figures, gain, belief = EXPERIMENT.sentences(result_of(*COSTS))

    assert "not comparable with TechEmpower's published rounds" in label
    assert figures == (
        "Step 05 answers per CPU second: plaintext 125,000, json 100,000, db"
        " 25,000, queries 5,263, fortunes 20,000 and updates 2,041."
    )
    assert "0.50 times (0.50 to 0.50) what step 04 costs for json" in gain
    assert "0.98 times (0.98 to 0.98) for updates" in gain
    assert "1.1%" in belief


def test_table_and_picture_carry_the_label():
    result = result_of(*COSTS)
    row = EXPERIMENT.row(result["points"][-1])

    assert "not comparable" in EXPERIMENT.COLUMNS[0]
    assert row[:2] == ["updates, 05", "42"]
    assert row[3] == "2,041"
    assert EXPERIMENT.LABEL in EXPERIMENT.picture(result)


@pytest.fixture
def tiny(monkeypatch, tmp_path, validate_study):
    """Return a function that runs it on step 05 alone; status and result."""
    experiment = find("techempower")
    monkeypatch.setattr(experiment, "QUICK", Plan(1, 0.02, 0.01, 2))

    def run(*entrants):
        monkeypatch.setattr(experiment, "suites", lambda: entrants)
        paper = Console(file=io.StringIO(), width=100)
        kept = tmp_path / "out.json"
        options = Options(True, kept, tmp_path / "o.svg")
        status = conduct(lab("techempower", options, experiment, paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def test_all_works_run_from_end_to_end(tiny):
    status, result, text = tiny(*suites())

    assert status == 0
    assert len(result["points"]) == 12
    assert all(point["cpu_us"]["median"] > 0 for point in result["points"])
    assert result["points"][0]["label"] == EXPERIMENT.LABEL
    assert "not comparable" in text


def test_a_step_that_breaks_a_rule_makes_the_run_invalid(tiny, monkeypatch):
    def check(suite, server):
        raise audit.WrongAnswer("db asked {}, not {'SELECT': 1}")

    monkeypatch.setattr(Suite, "check", check)
    status, result, text = tiny(Suite(step("05")))

    assert status == 1
    assert result["valid"] is False
    assert "WRONG: db, 05: db asked {}" in text


def test_both_steps_take_part():
    assert [suite.name for suite in suites()] == ["04", "05"]
