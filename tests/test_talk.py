"""The slides: their pace, what is on them, and how a browser shows them."""

import re
import shutil
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise

import pytest
from playwright.sync_api import sync_playwright

from workshop import course, excerpts, talk
from workshop.errors import PASS, USAGE
from workshop.steps import ROOT, all_steps, find
from workshop.weaving import figures

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SIZE = {"width": 1280, "height": 720}
# Go to a slide by its number, in the line of the talk or below it.
GO = """number => {
  const {h, v} = Reveal.getIndices(Reveal.getSlides()[number]);
  Reveal.slide(h, v ?? 0);
}"""

# What reaches over the edge of its slide, or is cut by its own.
OVERFLOWING = """() => {
  const page = Reveal.getCurrentSlide().querySelector('.page');
  const edge = page.getBoundingClientRect();
  return [...page.querySelectorAll('*')].filter(element => {
    if (element.closest('svg, .numeral')) return false;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const cut = style.overflow === 'hidden' && (
      element.scrollHeight > element.clientHeight + 1 ||
      element.scrollWidth > element.clientWidth + 1);
    return cut || box.left < edge.left - 1 || box.right > edge.right + 1 ||
      box.top < edge.top - 1 || box.bottom > edge.bottom + 1;
  }).map(element => element.outerHTML.slice(0, 80));
}"""


@pytest.fixture(scope="session")
def slides():
    return talk.all_slides()


def text(html):
    return unescape(re.sub(r"<[^>]*>", "", html))


def shown(step):
    """Return each excerpt that a step's slides show."""
    for hunk in course.hunks(step).values():
        yield from excerpts.excerpts(step, hunk)


# The pace


def test_seconds_of_all_slides_are_ten_minutes(slides):
    assert sum(slide.seconds for slide in slides) == 600
    for slide in slides:
        assert slide.seconds == 0 if slide.below else slide.seconds >= 3


def test_seconds_of_a_step_are_its_minutes():
    for step in all_steps():
        seconds = round(60 * step.data["minutes"])
        found = talk.paced(list(talk.of_step(step)), seconds)

        assert sum(slide.seconds for slide in found) == seconds


def test_seconds_follow_the_length():
    assert talk.divided([10, 30], 46) == [13, 33]
    assert sum(talk.divided([7, 11, 0], 100)) == 100
    assert talk.divided([1, 1, 1], 31) == [11, 10, 10]


def test_what_is_said_can_be_said_in_its_time(slides):
    said = sum(slide.words for slide in slides if not slide.below)

    assert said <= talk.PACE * 10


def test_each_step_shows_code_in_the_line_of_the_talk():
    for step in all_steps():
        seconds = round(60 * step.data["minutes"])
        found = talk.staged(list(talk.of_step(step)), seconds)
        code = [s for s in found if s.kind == "code" and not s.below]

        assert len(code) >= 3, step
        assert len(found) - sum(s.below for s in found) <= seconds / talk.SLIDE


def test_part_of_a_hunk_follows_the_part_before_it(slides):
    for before, slide in pairwise(slides):
        if slide.part > 1:
            assert before.part == slide.part - 1
            assert slide.below or not before.below, text(slide.body)


def test_part_is_not_shown_without_the_part_before_it():
    long = talk.Slide("code", "", "word " * 999, rank=(-1, 9), parts=1)
    wordy = talk.Slide("code", "", "word " * 99, rank=(-1, 8), parts=2)
    second = talk.Slide("code", "", "word", rank=(-2, 8), part=2, parts=2)
    other = talk.Slide("code", "", "word", rank=(-1, 1))

    found = talk.staged([long, wordy, second, other], 18)
    assert [slide.below for slide in found] == [True, True, True, False]


# What is on them


def test_every_hunk_is_on_a_slide_with_its_note(slides):
    bodies = "".join(s.body for s in slides if s.kind == "code")
    notes = {line for s in slides for line in s.notes.splitlines()}

    for step in all_steps():
        for note in course.notes(step):
            assert set(note.note.splitlines()) <= notes
            number = rf"hunks?[\d, ]* {note.hunk.number}\b"
            assert re.search(number, text(bodies)), note.hunk


def test_no_slide_has_more_lines_than_can_be_read(slides):
    for slide in slides:
        rows = re.findall(r"<span class='row", slide.body)
        assert len(rows) <= excerpts.HIGH, text(slide.body)
    for step in all_steps():
        for one in shown(step):
            assert max(len(row.text) for row in one.rows) <= 79


def test_lines_of_a_slide_are_those_of_the_files():
    for step in all_steps():
        for one in shown(step):
            file = excerpts.file_of(step, one.hunk)
            for kind, line, words in one.rows:
                if kind != "~":
                    lines = file.old if kind == "-" else file.new
                    assert lines[line] == words, one.hunk


def test_split_hunk_loses_no_line():
    for step in all_steps():
        for hunk in course.hunks(step).values():
            found = excerpts.excerpts(step, hunk)
            if found[0].parts == 1:
                continue
            rows = [row for one in found for row in one.rows]
            kept = [text for _, _, text in rows if text.strip()]

            assert len(found) == found[0].parts
            assert kept == [x.text for x in hunk.changes if x.text.strip()]


def test_long_hunk_names_what_it_leaves_out():
    step = find("03")
    parsing = next(
        hunk
        for hunk in course.hunks(step).values()
        if hunk.path == "parsing.py"
    )

    (one,) = excerpts.excerpts(step, parsing)

    assert f"of {parsing.added} new lines" in one.rest
    assert "RequestParser.__init__" in one.rest and " more" in one.rest


def test_long_hunk_shows_what_a_task_is_about():
    for step in all_steps():
        known = course.hunks(step)
        for task in course.tasks(step):
            name = task.symbol.rpartition(".")[2]
            found = [
                one
                for number in task.hunks
                for one in excerpts.excerpts(step, known[number])
            ]
            alone = len(
                [t for t in course.tasks(step) if t.hunks == task.hunks]
            )
            if alone == 1 and all(one.rest for one in found):
                rows = [row.text for one in found for row in one.rows]
                assert any(name in row for row in rows), task.title


def test_slides_tell_the_committed_figures(slides):
    bought = [text(s.body) for s in slides if s.kind == "bought"]

    for step, said in zip(all_steps(), bought, strict=True):
        right = figures.in_prose(f"wire.{step.number}")
        cpu = figures.in_prose(f"ladder.{step.number}.cpu")
        assert f"{right} of" in said
        assert f"{cpu} of CPU time" in said
        for name in [*figures.gained(step.number).values()][:4]:
            assert name in said


def test_ladder_has_its_picture_and_its_table(slides):
    kinds = {slide.kind: slide.body for slide in slides}

    assert "<svg" in kinds["ladder"]
    for arm in figures.result("ladder")["arms"]:
        assert arm["name"] in kinds["table"]


def test_old_figures_are_said_to_be_old(monkeypatch):
    step = find("03")
    for said in ("", f"older than the code of {step.name}"):
        monkeypatch.setattr(figures, "outdated", lambda _, said=said: said)
        slides = list(talk.of_step(step))

        old = "Measured before the code changed" in slides[-1].body
        assert old is bool(said)


# The folder


def test_talk_writes_a_folder_that_is_whole(tmp_path, say):
    status, out, _ = say("talk", "--out", tmp_path / "slides")

    folder = tmp_path / "slides"
    page = (folder / "index.html").read_text("utf-8")
    assert status == PASS
    assert "600 seconds" in out
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (folder / name).is_file(), name
    assert (folder / "reveal-LICENSE.txt").is_file()


def test_talk_is_the_same_each_time(tmp_path):
    first, second = (talk.write(tmp_path / name) for name in "ab")

    assert first.read_bytes() == second.read_bytes()


def test_folder_that_cannot_be_written_is_told(tmp_path, say):
    (tmp_path / "file").write_text("", "utf-8")

    status, _, err = say("talk", "--out", tmp_path / "file" / "slides")

    assert status == USAGE
    assert "choose another folder with --out" in err


def test_version_of_reveal_is_noted():
    assets = ROOT / "workshop" / "talk_assets"
    note = (assets / "README.md").read_text("utf-8")
    version = re.search(r"reveal\.js (\d+\.\d+\.\d+)", note)

    assert version
    assert version[1] in (assets / "reveal.js").read_text("utf-8")


# What a browser shows


@dataclass
class Visit:
    outside: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    overflowing: list = field(default_factory=list)
    timings: list = field(default_factory=list)
    last: int = 0  # where the right arrow has led
    line: int = 0
    notes: str = ""


@pytest.fixture(scope="session")
def visit(tmp_path_factory):
    """Go through the slides, from the folder, with the right arrow."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    page = talk.write(tmp_path_factory.mktemp("slides"))
    noticed = Visit()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=FLAGS
        )
        context = browser.new_context(viewport=SIZE)
        walk(context.new_page(), page, noticed)
        browser.close()
    return noticed


def walk(tab, page, noticed):
    def asked(request):
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            noticed.outside.append(request.url)

    def said(message):
        if message.type in ("error", "warning"):
            noticed.errors.append(message.text)

    tab.on("request", asked)
    tab.on("console", said)
    tab.on("pageerror", lambda error: noticed.errors.append(str(error)))
    tab.goto(page.as_uri())
    tab.wait_for_function("Reveal.isReady()")
    noticed.line = tab.evaluate("Reveal.getHorizontalSlides().length")
    noticed.timings = tab.evaluate(
        "Reveal.getSlides().map(slide => Number(slide.dataset.timing))"
    )
    for _ in range(noticed.line - 1):
        tab.keyboard.press("ArrowRight")
    noticed.last = tab.evaluate("Reveal.getIndices().h") + 1
    for number in range(len(noticed.timings)):
        tab.evaluate(GO, number)
        look(tab, noticed)
    speak(tab, noticed)


def look(tab, noticed):
    where = tab.evaluate("location.hash")
    found = tab.evaluate(OVERFLOWING)
    noticed.overflowing += [(where, each) for each in found]


def speak(tab, noticed):
    """Open the speaker's view on the first slide of code."""
    tab.evaluate("Reveal.slide(2)")
    with tab.expect_popup() as opened:
        tab.keyboard.press("s")
    value = opened.value.locator(".speaker-controls-notes .value")
    value.filter(has_text=" ").wait_for()
    noticed.notes = value.inner_text()


def test_right_arrow_leads_to_the_end(visit, slides):
    assert visit.line == sum(not slide.below for slide in slides)
    assert visit.last == visit.line


def test_browser_has_the_pace_of_each_slide(visit, slides):
    assert visit.timings == [slide.seconds for slide in slides]
    assert sum(visit.timings) == 600


def test_slides_ask_for_nothing_outside(visit):
    assert visit.outside == []


def test_slides_log_no_error(visit):
    assert visit.errors == []


def test_nothing_reaches_over_the_edge_of_a_slide(visit):
    assert visit.overflowing == []


def test_speaker_sees_the_notes(visit, slides):
    line = [slide for slide in slides if not slide.below]

    assert visit.notes.split() == line[2].notes.split()
