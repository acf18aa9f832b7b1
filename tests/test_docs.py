"""The pages say what the code does: woven, measured, or quoted."""

import importlib.util
import re
import sys
import tomllib

import pytest
from markdown import markdown

from workshop import weave
from workshop.bench import results
from workshop.errors import WorkshopError
from workshop.steps import ROOT, all_steps, find, load
from workshop.weaving import cuts, exchanges, figures, reference, undone

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LESSONS = sorted((DOCS / "lessons").glob("*.md"))
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
QUOTATIONS = tomllib.loads((DOCS / "quotations.toml").read_text("utf-8"))
SECTIONS = [
    "The idea",
    "What you will see",
    "Predict",
    "The code",
    "Check",
    "What it buys",
    "What it costs",
    "What we gave up",
]
# What is not prose: blocks and spans of code, comments, figures, addresses.
CODE = re.compile(
    r"```.*?```|`[^`\n]*`|<!--.*?-->|\[\[.*?\]\]|\]\([^)]*\)|^---.*?^---",
    re.DOTALL | re.MULTILINE,
)
UNIT = re.compile(
    r"(?<![\w-])\d[\d.,]*\s*(?:µs|us|ms|s|seconds?|minutes?|%|percent|x|times|KiB|MiB"
    r"|GiB|KB|MB|GB|bytes|lines?|bytecodes|calls|requests per second|req/s)"
    r"(?!\w)"
)


def page_id(path):
    return path.relative_to(DOCS).as_posix()


def prose_of(path):
    return CODE.sub(" ", path.read_text("utf-8"))


def name_of(step):
    return step.name


# What is woven


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_page_names_only_what_exists(path):
    page = weave.woven(path.read_text("utf-8"))

    assert not re.search(r"<!-- [a-z-]+", page)
    assert not re.search(r"(?<!&#91;)\[\[[a-z]", page)


@pytest.mark.parametrize(
    ("directive", "sentence"),
    [
        ("<!-- code 03 parsing.RequestParser.fed -->", "choose one of"),
        ("<!-- code 03 parser -->", "no room 'parser'"),
        ("<!-- code 09 pico -->", "There is no step '09'"),
        ("<!-- diff 02 03 routing -->", "is the same in"),
        ("<!-- diff 03 04 pico.Pico.serv -->", "choose one of"),
        ("<!-- include NEWS.md -->", "cannot be included"),
        ("<!-- ladder-tabel -->", "is no directive"),
        ("<!-- code -->", "is no directive"),
        ("[[ladder.03.speed]]", "choose one of ratio"),
        ("[[ladder.09.ratio]]", "has no '09'"),
        ("[[ladders.03.ratio]]", "choose one of ladder"),
        ("[[ladder]]", "names no figure"),
        ("[[03.parsing.RequestParser.feed]]", "is no constant"),
        ("[[undone.luck.hello.c_calls]]", "undone.json has no 'luck'"),
    ],
)
def test_weaving_tells_what_does_not_exist(directive, sentence):
    with pytest.raises(WorkshopError) as raised:
        weave.woven(directive)

    assert sentence in str(raised.value)


def test_code_is_cut_with_its_decorators_and_its_comment():
    folder = find("02").folder

    assert cuts.cut(folder, "app.hello") == (
        '@app.route("/hello/{name}")\n'
        "async def hello(request, response, name):\n"
        '    response.json = {"message": f"Hello {name}"}'
    )
    assert cuts.cut(folder, "routing.KINDS").startswith("# kind: (what")
    assert cuts.cut(folder, "pico.Pico.Protocol") == "Protocol = Protocol"


def test_directive_keeps_its_indentation():
    block = weave.woven("    <!-- code 02 pico.Pico.Protocol -->")

    assert block == (
        '    ```python title="steps/02_routing/pico.py: Pico.Protocol"\n'
        "    Protocol = Protocol\n"
        "    ```"
    )


def test_constants_in_prose_are_those_of_the_source():
    words = (
        "[[03.parsing.RequestParser.max_target]] or [[04.server.Server.grace]]"
    )

    assert weave.woven(words) == "8 KiB or 10"


def test_constant_in_prose_is_the_one_that_was_named_of_two_in_a_line():
    words = "[[04.extensions.logger.MANY]]"

    assert weave.woven(words) == "500"


def test_exchange_shows_what_a_step_answers():
    block = exchanges.exchange("01", r"GET /hel | lo HTTP/1.1\r\n\r\n")

    assert block.count("< HTTP/1.1 200 OK") == 2
    assert "> GET /hel (no end of line)" in block


def test_exchange_shows_the_exception_of_a_step_and_nothing_else():
    block = exchanges.exchange("02", "GET")

    assert "< (nothing)\n! ValueError" in block


def test_floor_plan_tells_new_changed_and_same_rooms():
    rows = {
        cells[0]: cells[1:]
        for line in cuts.floor_plan().splitlines()
        for cells in [[cell.strip() for cell in line.split("|")[1:-1]]]
    }

    assert rows["room"] == ["01", "02", "03", "04", "05"]
    assert rows["`app`"] == ["", "**new**", "=", "=", "="]
    assert rows["`messages`"] == ["", "**new**", "changed", "=", "changed"]
    assert rows["`flow`"] == ["", "", "**new**", "=", "changed"]
    assert rows["`recall`"] == ["", "", "", "", "**new**"]


def test_bought_rows_are_those_that_were_not_right_before():
    assert figures.bought("05") == "No row of the wire became right here."
    assert figures.bought("03").splitlines()[0].startswith("- row 1: A target")


def test_bought_rows_keep_their_numbers_on_the_page():
    page = markdown(figures.bought("04"))

    assert "<li>row 26: " in page  # and no list of its own, which counts anew
    assert "<ol>" not in page


# What is old


def test_page_tells_of_times_measured_before_the_code_changed(monkeypatch):
    monkeypatch.setattr(results, "stale", lambda result: ["03 parsing"])

    page = weave.woven("# Title\n\nIt takes [[ladder.03.cpu]].")

    assert page.startswith('# Title\n\n!!! warning "Measured before the code')
    assert "`ladder.json` is older than the code of 03_parsing." in page


def test_page_tells_of_rows_recorded_before_the_code_changed(monkeypatch):
    monkeypatch.setattr(figures, "sources", lambda folder: "another hash")

    page = weave.woven(
        "# Title\n\n[[wire.03]] rows and [[undone.json.hello.c_calls]]."
    )

    assert page.count("!!! warning") == 1
    assert page.count(".json` is older than the code of ") == 2
    assert "`.venv/bin/python -m workshop.wire --record`" in page


def test_page_tells_of_points_measured_before_the_code_changed(monkeypatch):
    known = figures.result("boundary")
    old = {**known, "sources": {"04": "another hash"}}
    monkeypatch.setattr(figures, "result", lambda name: old)

    page = weave.woven("# Title\n\n<!-- answer boundary -->\n")

    assert "`boundary.json` is older than the code of 04." in page


@pytest.mark.parametrize(
    ("name", "step"), [("ladder", "01"), ("extensions", "05")]
)
def test_conditions_name_the_step_that_raced_its_copy(name, step):
    page = weave.woven(f"<!-- {name}-conditions -->")

    assert f"noise between two copies of step {step}: " in page


def test_page_without_figures_tells_nothing():
    assert weave.woven("# Title\n\nText.") == "# Title\n\nText."


# What each optimisation of step 05 saves


def test_optimisations_save_what_the_lesson_says():
    committed = figures.undone_result()
    found = undone.counts()

    if undone.python() == committed["python"]:
        assert found == committed["counts"]
    assert min(undone.best(found[word]) for word in undone.UNDONE) > 0


def test_lesson_says_which_change_pays_most_for_which_request():
    counts = figures.undone_result()["counts"]
    lesson = (DOCS / "lessons" / "05_benchmarks.md").read_text("utf-8")

    first = {
        shape: max(
            undone.UNDONE, key=lambda word: counts[word][shape]["bytecodes"]
        )
        for shape in counts["05"]
    }

    assert first.pop("crowd") == "routing"
    assert {*first.values()} == {"recall"}
    assert "The encoder is never first." in lesson


def test_lesson_says_that_a_kind_of_work_became_dearer():
    result = results.read(results.RESULTS / "techempower.json")
    lesson = (DOCS / "lessons" / "05_benchmarks.md").read_text("utf-8")

    verdicts = {point["verdict"] for point in result["points"]}

    assert "slower" not in verdicts or "or less than nothing" in lesson


class Tried:
    """A pattern that notes each time it is asked."""

    def __init__(self, pattern, notes):
        self.pattern = pattern
        self.notes = notes

    def fullmatch(self, path):
        self.notes.append(path)
        return self.pattern.fullmatch(path)


@pytest.mark.parametrize(
    ("pattern", "path", "tried"),
    [
        ("/r{}/{{id:int}}", "/r99/7", 1),
        ("/users/{{id:int}}/r{}", "/users/7/r9", 100),
        ("/r{}/{{id:int}}", "/nobody", 100),
    ],
)
def test_routes_that_begin_alike_are_tried_one_by_one(pattern, path, tried):
    router, notes = load("05").routing.Router(), []
    for number in range(100):
        router.add(pattern.format(number), ["GET"], print)
    for route in router.routes:
        route.regex = Tried(route.regex, notes)
    lesson = (DOCS / "lessons" / "05_benchmarks.md").read_text("utf-8")

    router.match("GET", path)

    assert len(notes) == tried
    assert "unless they begin alike" in lesson


# Which Python


@pytest.mark.parametrize("page", ["index.md", "guides/run.md"])
def test_page_asks_for_the_pythons_that_start_takes(page):
    start = (ROOT / "start.py").read_text("utf-8")
    words = (DOCS / page).read_text("utf-8")

    ends = re.search(
        r"^OLDEST, NEWEST = \(3, (\d+)\), \(3, (\d+)\)$", start, re.M
    )

    assert "Python 3.{} to 3.{}".format(*ends.groups()) in words
    assert "or newer" not in words


# What pages are made of


@pytest.mark.parametrize("path", LESSONS, ids=page_id)
def test_lesson_has_its_sections_in_order(path):
    titles = re.findall(r"^## (.*)$", path.read_text("utf-8"), re.MULTILINE)

    assert [title for title in titles if title in SECTIONS] == SECTIONS


@pytest.mark.parametrize("path", LESSONS, ids=page_id)
def test_lesson_hides_the_answer_to_its_question(path):
    _, _, rest = path.read_text("utf-8").partition("## Predict\n")
    question, _, _ = rest.partition("\n## ")

    assert "?" in question.partition("??? question")[0]
    assert "\n??? question " in question


@pytest.mark.parametrize("step", all_steps(), ids=name_of)
def test_step_has_its_lesson_and_its_notebook(step):
    lesson = DOCS / "lessons" / f"{step.name}.md"

    assert f"(../notebooks/{step.name}.ipynb)" in lesson.read_text("utf-8")


@pytest.mark.parametrize("path", DECISIONS, ids=page_id)
def test_decision_is_short_and_says_what_it_costs(path):
    text = path.read_text("utf-8")
    parts = re.findall(r"^\*\*(.*?)\.\*\*", text, re.MULTILINE)
    index = (DOCS / "decisions" / "index.md").read_text("utf-8")

    assert len(text.splitlines()) <= 40
    assert parts == ["Context", "Decision", "Price paid"]
    assert f"]({path.name})" in index


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_figure_in_prose_is_woven_or_quoted(path):
    prose = " ".join(prose_of(path).split())
    for quotation in QUOTATIONS["quotation"]:
        prose = prose.replace(quotation["text"], "")

    assert UNIT.findall(prose) == []


def test_figure_typed_by_hand_would_be_found():
    assert UNIT.findall("9.1 µs, 63 %, 2 times, 5 KiB, 7 lines; 5 x") == [
        "9.1 µs",
        "63 %",
        "2 times",
        "5 KiB",
        "7 lines",
        "5 x",
    ]


def test_quotation_has_its_source_and_its_page():
    pages = " ".join(" ".join(prose_of(path).split()) for path in PAGES)

    for quotation in QUOTATIONS["quotation"]:
        assert quotation["source"]
        assert quotation["text"] in pages


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_python_in_a_page_is_woven_never_typed(path):
    text = path.read_text("utf-8")

    assert not re.search(r"^ *```(python|diff|pycon)", text, re.MULTILINE)


# Commands


def spoken_commands():
    """Yield page and words of each command that a page shows."""
    for path in [*PAGES, ROOT / "README.md"]:
        text = path.read_text("utf-8")
        for words in re.findall(
            r"(?m)(?:python3 start\.py|python -m workshop)((?: [\w./-]+)+)",
            text,
        ):
            first = words.split()[:1]
            if (
                first and first[0].isalpha() and first[0].islower()
            ):  # not VERB, not --help
                yield path.name, words.split()


def test_commands_of_the_pages_exist():
    known = [words.split()[1:] for words, _ in reference.all_commands()]
    known += [["test"]]  # of start.py itself

    for page, words in spoken_commands():
        assert any(words[: len(verb)] == verb for verb in known), (
            f"{page}: {words}"
        )


def test_every_verb_is_documented():
    page = weave.woven((DOCS / "reference" / "cli.md").read_text("utf-8"))

    for words, command in reference.all_commands():
        assert f"\n## {words}\n" in page
        assert command.help
        for param in command.params:
            assert param.name == "help" or param.help, (words, param.name)


def test_pages_name_every_verb_of_a_learner():
    spoken = {words[0] for _, words in spoken_commands()}
    verbs = {words.split()[1] for words, _ in reference.all_commands()}

    assert verbs <= spoken


# The examples of the guides


@pytest.fixture
def example(step, monkeypatch):
    """Return `example(name)`: a program of docs/examples, on the step."""

    def load(name):
        for room, module in step.modules.items():
            monkeypatch.setitem(sys.modules, room, module)
        path = DOCS / "examples" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.steps("04", "05")
async def test_example_of_the_guide_counts_answers(step, example, fetch):
    counter = example("counter").counter
    app = step.Pico()
    counter(app)

    await fetch(app, "/nowhere")
    answer = await fetch(app, "/counts")

    assert answer.content == b'{"404":1}'


@pytest.mark.steps("04", "05")
async def test_example_activates_an_extension(example, fetch):
    example("counter")

    answer = await fetch(example("counted").app, "/counts")

    assert answer.content == b"{}"


@pytest.mark.steps("04", "05")
async def test_example_refuses_who_does_not_say_who_they_are(
    step, example, fetch
):
    app = step.Pico()
    example("guard").guard(app)

    stranger = await fetch(app, "/")
    known = await fetch(app, "/", "authorization: Basic cGljbzpwaWNv")

    assert (stranger.status, known.status) == (401, 404)


@pytest.mark.steps("04", "05")
async def test_example_calls_a_hook_of_its_own(example, fetch):
    app = example("orders").app

    answer = await fetch(
        app, "/orders", method="POST", content=b'{"number": 7}'
    )

    assert (answer.status, app["confirmed"]) == (201, [7])


@pytest.mark.steps("04", "05")
async def test_example_replaces_the_response(example, fetch):
    app = example("greeter").MyPico()

    @app.route("/")
    async def index(request, response):
        response.greet("you")

    answer = await fetch(app, "/")

    assert answer.content == b'{"message":"Hello you"}'
