"""The peers do the same work, which is checked before it is timed."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from workshop.bench import peers
from workshop.bench.environments import Environment
from workshop.bench.experiment import find, lab
from workshop.bench.measure import Plan
from workshop.bench.peers import NO_POSITIONS, PEERS, Peer, checked, chosen
from workshop.bench.study import Options, conduct
from workshop.cli import main
from workshop.errors import WorkshopError
from workshop.exchange import Answer
from workshop.verbs import START

EXPERIMENT = find("peers")
NAMES = [peer.name for peer in PEERS]
PICO = PEERS[0]
OTHER = Peer("other", "x", "x", ["x"], "application/json; charset=utf-8")
NONE = Environment(peers.ROOT / "no" / "such", "peers", peers.INSTALL)


class Liar:
    """A wire behind which somebody answers, rightly or not."""

    def __init__(self, peer, **lies):
        self.peer = peer
        self.lies = lies
        self.kept = b""

    def send(self, request):
        line, _, content = request.partition(b" HTTP/1.1\r\n")
        content = content.partition(b"\r\n\r\n")[2]
        status, answer = self.answer(line.decode(), content)
        fields = [("content-type", self.peer.content_type)]
        fields += self.lies.get("fields", [])
        if "content_type" in self.lies:
            fields[0] = ("content-type", self.lies["content_type"])
        answers = [Answer(status, fields, answer, [], True)]
        return SimpleNamespace(answers=answers * self.lies.get("answers", 1))

    def answer(self, line, content):
        if line.startswith("GET /hello/"):
            name = line[11:].partition("?")[0]
            said = self.lies.get("hello", '{"message": "Hello %s"}')
            said = said.replace("%s", name)
            return self.lies.get("status", 200), said.encode()
        if line.startswith("GET"):
            return 200, self.lies.get("kept", self.kept)
        if content in NO_POSITIONS:
            return self.lies.get("refused", 422), b""
        self.kept = content
        return self.lies.get("posted", 204), b""


def test_content_of_the_same_value_is_taken_as_its_peer_spells_it():
    hello, browser, position = checked(OTHER, Liar(OTHER))

    assert hello.content == b'{"message": "Hello bench"}'
    assert hello.fields == {
        "content-type": "application/json; charset=utf-8",
        "content-length": "26",
    }
    assert browser.content == hello.content
    assert b"Sec-Fetch-Mode" in browser.request
    assert (position.status, position.content) == (204, b"")


def test_who_sends_a_date_must_always_send_it():
    hello, *_ = checked(OTHER, Liar(OTHER, fields=[("date", "now")]))

    assert hello.fields["date"].pattern.startswith("(Mon|")


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"hello": '{"message":"Hello bench"}'}, "content is"),
        ({"hello": '{"message": "Hello %s", "more": 1}'}, "content is"),
        ({"hello": "Hello %s"}, "content is"),
        ({"status": 201}, "status is 201"),
        ({"content_type": "application/json"}, "content-type is"),
        ({"posted": 200}, "gave 200, not 204"),
        ({"kept": b'{"latitude":0}'}, "content is"),
        ({"refused": 204}, "gave 204, not 422"),
        ({"refused": 500}, "gave 500, not 422"),
        ({"answers": 2}, "brought 2 answers"),
        ({"answers": 0}, "brought 0 answers"),
    ],
)
def test_a_wrong_answer_is_found_before_anything_is_timed(lies, reason):
    with pytest.raises(WorkshopError, match=reason):
        checked(OTHER, Liar(OTHER, **lies))


def test_pico_is_compared_byte_by_byte():
    with pytest.raises(WorkshopError, match="is not b'"):
        checked(PICO, Liar(PICO))

    checked(PICO, Liar(PICO, hello='{"message":"Hello %s"}'))


@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_peer_has_its_program_and_tells_its_command(peer):
    assert (peers.PROGRAMS / f"{peer.module}.py").is_file()
    told = peer.reproduced()
    assert told.startswith("PORT=8000 PYTHONPATH=")
    assert peers.PORT not in told
    assert peer.module in told


# The others run where `bench peers --install` has made their environment.
HERE = [
    peer
    for peer in PEERS
    if (peer.step or peers.ENVIRONMENT.complete()) and peer.there()
]


@pytest.mark.parametrize("peer", HERE, ids=[peer.name for peer in HERE])
def test_peer_answers_as_declared_where_it_is_installed(peer):
    with peer.launch(None) as server:
        works = [case.name for case in peer.check(server)]

    assert tuple(works) == peers.WORKS


def test_quick_takes_four_and_words_choose():
    assert [p.name for p in chosen((), True)] == [*peers.QUICK]
    assert [p.name for p in chosen((), False)] == NAMES
    assert [p.name for p in chosen(["ROLL", "django"], True)] == [
        "pico 05",
        "Roll",
        "Roll with ujson",
        "Django",
    ]
    with pytest.raises(WorkshopError, match="no peer 'nix': choose among"):
        chosen(["nix"], False)


def test_all_frameworks_of_the_question_take_part():
    assert {
        "Roll",
        "Sanic",
        "BlackSheep on granian",
        "BlackSheep on uvicorn",
        "Starlette",
        "FastAPI",
        "Falcon",
        "aiohttp",
        "Flask",
        "Django",
        "bare ASGI",
    } <= {*NAMES}


def test_without_its_environment_one_sentence_says_what_to_do(
    monkeypatch, capsys
):
    monkeypatch.setattr(peers, "ENVIRONMENT", NONE)

    assert main(["bench", "peers"]) == 3
    said = capsys.readouterr().err
    assert f"run `{START} bench peers --install`" in said


def test_who_cannot_be_imported_is_left_out(monkeypatch):
    failed = SimpleNamespace(
        failed=lambda: ["roll==0.13.4"], python=peers.sys.executable
    )
    monkeypatch.setattr(peers, "ENVIRONMENT", failed)
    absent = Peer("x", "x", "no_such_module", [])
    present = Peer("x", "x", "position", [])

    assert not absent.there()
    assert present.there()
    assert PICO.there()


def test_who_needs_fork_is_left_out_on_windows(monkeypatch):
    flask = next(peer for peer in PEERS if peer.name == "Flask")
    monkeypatch.setattr(peers.os, "name", "nt")

    assert not flask.there()
    assert PICO.there()


# The experiment


def told(**verdicts):
    """Return a result: `told(Roll=("slower", 1.5, 30, 20))`."""

    def work(cost, ratio, verdict):
        spread = {"median": ratio, "low": ratio, "high": ratio}
        middle = {"median": cost, "low": cost, "high": cost}
        return {"cpu_us": middle, "ratio": spread, "verdict": verdict}

    first = {"hello": {**work(20, 1, "first"), "ratio": None}}
    points = [{"name": "pico 05", **first}]
    for name, (verdict, ratio, cost, position) in verdicts.items():
        points.append({"name": name, "hello": work(cost, ratio, verdict)})
        points[-1]["position"] = work(position, 1, "same")
    for point in points:
        point.setdefault("position", work(22, 1, "same"))
        point |= {"browser": point["hello"], "wrong": None}
        point |= {"server": "own", "sends_date": True}
    noise = {"hello": {"limit": 0.01}, "position": {"limit": 0.032}}
    plan = {"noise": noise, "peers": NAMES, "left_out": []}
    return {"points": points, "plan": plan}


def test_sentences_say_who_is_behind_and_who_is_not():
    result = told(
        Roll=("slower", 1.5, 30, 33),
        Fast=("faster", 0.8, 16, 18),
        Flask=("slower", 12, 240, 250),
        Maybe=("unclear", 1.01, 20.2, 23),
        Like=("same", 1.0, 20.1, 22.5),
    )
    standing, ranks, belief, number = EXPERIMENT.sentences(result)

    assert standing == (
        "In a CPU second pico 05 answers more hellos than Roll (1.50 times)"
        " and Flask (12.00 times); as many as Like (1.00 times); fewer than"
        " Fast (0.80 times); not clearly more or fewer than Maybe"
        " (1.01 times)."
    )
    assert ranks == "The ranking is that of hello in each work."
    assert "by up to 3.2%" in belief
    assert number == f"6 of {len(NAMES)} took part."


def test_ranks_that_change_and_who_is_left_out_are_told():
    result = told(Roll=("slower", 1.5, 30, 10))
    result["plan"]["left_out"] = ["Sanic", "Roll"]
    said = EXPERIMENT.sentences(result)

    assert said[1] == "The ranking of hello changes with position."
    assert said[-1].endswith("on this Python: Sanic and Roll.")


def test_one_alone_says_nothing():
    assert EXPERIMENT.sentences(told()) == [
        "pico 05 alone says nothing: add a peer."
    ]


def test_table_tells_requests_relative_to_pico():
    result = told(Roll=("slower", 2.0, 30, 33))
    pico, roll = (EXPERIMENT.row(point) for point in result["points"])

    assert pico == [
        *["pico 05", "own", "yes"],
        *["20.0\n20.0-20.0"] * 2,
        *["22.0\n22.0-22.0", "-", ""],
    ]
    assert roll[-2:] == ["0.50\n0.50-0.50", "slower"]
    assert len(roll) == len(EXPERIMENT.COLUMNS)


def test_picture_marks_pico():
    svg = EXPERIMENT.picture(told(Roll=("slower", 1.5, 30, 33)))

    assert svg.count('class="marked"') == 1
    assert "Roll, own" in svg and "30.0 µs" in svg


def test_a_name_that_tells_the_server_tells_it_once():
    point = {"name": "BlackSheep on granian", "server": "granian"}

    assert EXPERIMENT.label(point) == "BlackSheep on granian"


@pytest.fixture
def tiny(monkeypatch, tmp_path, validate_study):
    """Return a function that races pico with pico; status, result, text."""
    experiment = find("peers")
    monkeypatch.setattr(experiment, "QUICK", Plan(1, 0.02, 0.01, 2))
    monkeypatch.setattr(experiment, "ENVIRONMENT", ready())

    def run(*there):
        monkeypatch.setattr(experiment, "chosen", lambda *asked: there)
        paper = Console(file=io.StringIO(), width=100)
        kept = tmp_path / "out.json"
        options = Options(True, kept, tmp_path / "o.svg", "builtin")
        status = conduct(lab("peers", options, experiment, paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result, paper.file.getvalue()

    return run


def ready():
    return SimpleNamespace(require=lambda: None, failed=lambda: [])


def test_race_runs_from_end_to_end(tiny):
    status, result, text = tiny(*PEERS[:2])

    assert status == 0
    assert [point["name"] for point in result["points"]] == NAMES[:2]
    assert result["points"][1]["sends_date"] is True
    assert result["points"][1]["browser"]["cpu_us"]["median"] > 0
    assert result["points"][0]["command"] in text
    assert "2 of 14 took part." in text


def test_a_peer_that_lies_makes_the_run_invalid(tiny):
    lying = Peer(
        "liar", "own", "pico_app", ["pico_app.py"], "text/x", step="05"
    )
    status, result, text = tiny(PICO, lying)

    assert status == 1
    assert "WRONG: liar: content-type is 'application/json'." in text
    assert result["sentences"] == []
