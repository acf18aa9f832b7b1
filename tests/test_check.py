"""What `check` and `watch` say: transcripts of good code and of bad.

Each scene is a learner's folder; what is printed is kept, whole, in
`tests/transcripts/NAME.txt`. WORKSHOP_RECORD=1 writes them anew: read the
diff before you commit it. Numbers of counts, ports and times are set to N.
"""

import contextlib
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import psutil
import pytest

from workshop import (
    checking,
    course,
    diffs,
    explain,
    mistakes,
    plugin,
    serving,
    verdict,
    watching,
    work,
)
from workshop.bench.counts import Counts
from workshop.errors import FAIL, INTERRUPTED, PASS, USAGE, WorkshopError
from workshop.outcomes import Outcome, Seen
from workshop.steps import ROOT, core_lines, find
from workshop.tracebacks import late
from workshop.verbs import PROSE, START

TRANSCRIPTS = Path(__file__).with_name("transcripts")


def workshop_process(*words, **env):
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "workshop", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Return the learner's folder: there is none yet."""
    folder = tmp_path / "work"
    monkeypatch.setenv("WORKSHOP_WORK", str(folder))
    monkeypatch.setenv("NO_COLOR", "1")
    return folder


def begun(home, number):
    """Make the folder the solution of a step, which is in progress."""
    source = find(number).folder
    shutil.copytree(source, home, ignore=shutil.ignore_patterns("__*__"))
    for path in home.glob("test_*.py"):
        path.unlink()
    work.keep(work.Progress(step=number))


def change(path, old, new):
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8", newline="\n")


def steady(text):
    """Return a transcript without what differs from run to run."""
    text = text.replace(START, PROSE)
    text = re.sub(r"\(port \d+\)|port=\d+", "(port N)", text)
    text = re.sub(r"127\.0\.0\.1', \d+", "127.0.0.1', N", text)
    text = re.sub(r"\. Did you mean: '\w+'\?", "", text)  # from 3.12 on
    text = re.sub(r"(?<=: )\d+; reference \d+ \([+-]\d+\)", "N; N (N)", text)
    return re.sub(r"\d\d:\d\d:\d\d", "HH:MM:SS", text)


# Scenes: a step, a file, what is there, what a learner made of it.

WRITE = "        self.transport.write(RESPONSE)\n"
LOOKUP = '        """Return the route of a request and its parameters."""\n'
TAKEN = """import socket

with socket.create_server(("127.0.0.1", 0)) as one:
    port = one.getsockname()[1]
    try:
        socket.create_server(("127.0.0.1", port))
    except OSError:
        raise OSError(f"the port is taken (port {port})") from None
"""
# The first free one is the same each time.
FIXED = """    for port in range(19_400, 19_500):
        try:
            __import__("socket").create_server(("127.0.0.1", port)).close()
            break
        except OSError:
            pass
"""
ASKED = '    port = int(os.environ.get("PORT", "8000"))\n'
SLEEP = "__import__('time').sleep(60)"  # as good as a loop, and no work
SCENES = {
    "pass": ("01", "pico.py", None, None),
    "fail": ("02", "pico.py", "HttpError(405,", "HttpError(404,"),
    "hang": ("02", "pico.py", LOOKUP, LOOKUP + "        while True: pass\n"),
    "hang_of_a_promise": (
        *("02", "routing.py", "        allowed = set()\n"),
        f"        allowed = set()\n        if path == '/users': {SLEEP}\n",
    ),
    "hang_at_import": ("01", "pico.py", "import os\n", f"{SLEEP}\n"),
    "crash": ("01", "pico.py", WRITE, "        raise ValueError('oops')\n"),
    "exit_of_the_server": ("01", "pico.py", WRITE, "        os._exit(3)\n"),
    "exit_of_a_promise": (
        *("02", "routing.py", "        allowed = set()\n"),
        "        if path == '/users': __import__('os')._exit(0)\n"
        "        allowed = set()\n",
    ),
    "exit_at_import": ("01", "pico.py", "import os\n", "raise SystemExit\n"),
    "syntax_error": ("02", "pico.py", "class Pico(UserDict):", "class Pico()"),
    "field_missing": (
        *("02", "messages.py"),
        *('        self.headers["content-type"] = "application/json"\n', ""),
    ),
    "port_taken": ("01", "pico.py", "import os\n", TAKEN),
    "port_fixed": ("01", "pico.py", ASKED, FIXED),
    "never_run": (
        *("01", "pico.py"),
        *("runner.run(main(host, port))", "main(host, port)"),
    ),
    "raises_at_import": ("02", "app.py", "app = Pico()", "app = Pico(7)"),
    "name_missing": ("02", "pico.py", "class Pico(", "class Picol("),
    "megabytes": (
        *("01", "pico.py", WRITE),
        "        print('x' * 2**22)\n        raise ValueError('oops')\n",
    ),
}

# Windows has no signal for what hangs, and quotes otherwise what is typed.
ON_POSIX = {"hang", "hang_at_import"}
ON_POSIX |= {"crash", "exit_of_the_server", "fail", "field_missing"}
ON_POSIX |= {"megabytes"}


@pytest.mark.parametrize("name", SCENES)
def test_check_says_what_its_transcript_says(name, home, say, monkeypatch):
    if sys.platform == "win32" and name in ON_POSIX:
        pytest.skip("told otherwise on Windows")
    number, file, old, new = SCENES[name]
    monkeypatch.setattr(verdict, "PATIENCE", 4.0)
    begun(home, number)
    if old:
        change(home / file, old, new)
    files = {path: path.read_bytes() for path in home.rglob("*.py")}
    before = children(), servers()

    status, out, err = say("check")

    assert (status, err) == (PASS if name == "pass" else FAIL, "")
    compare(name, steady(out))
    assert (children(), servers() - before[1]) == (before[0], set())
    assert {path: path.read_bytes() for path in home.rglob("*.py")} == files


def compare(name, said):
    """Compare what was said with its transcript, and with a screen."""
    path = TRANSCRIPTS / f"{name}.txt"
    if os.environ.get("WORKSHOP_RECORD"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, "utf-8", newline="\n")
    assert said == path.read_text("utf-8")
    assert said.count("\n") <= 24
    assert max(map(len, said.splitlines())) <= 80
    assert said.isascii()


def children():
    return {child.pid for child in psutil.Process().children()}


def servers():
    """Return what runs for this folder, whoever is its parent."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mine = process.environ().get("WORKSHOP_WORK")
            if mine == os.environ["WORKSHOP_WORK"]:
                found.add(process.pid)
    return found


def test_each_transcript_is_of_a_scene():
    assert {path.stem for path in TRANSCRIPTS.glob("*.txt")} == set(SCENES)


def test_the_guide_shows_a_transcript_as_it_is():
    page = (ROOT / "docs/guides/checking.md").read_text("utf-8")
    shown = page.partition("```text\n")[2].partition("```")[0]

    assert shown == (TRANSCRIPTS / "fail.txt").read_text("utf-8")


# Folders that are no program


def test_check_of_nothing_says_how_to_begin(say):
    status, out, err = say("check")

    assert (status, out) == (USAGE, "")
    assert f"`{START} begin`" in err


def test_check_asks_for_the_app_before_all_else(home, say):
    begun(home, "02")
    (home / "app.py").unlink()

    status, out, _ = say("check")

    said = " ".join(out.split())
    assert status == FAIL
    assert "app.py is not there: pico.py has a class Pico now" in said
    assert "app.py: hello" in said
    assert said.endswith(f"For a hint: {START} hint 4")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("folder without code", "holds no program"),
        ("code in a folder within", "move what is in there to work."),
        ("file that is empty", "work/pico.py is empty"),
        ("file that was deleted", "work/pico.py is not there"),
        ("file that is no text", "null bytes"),
    ],
)
def test_check_names_what_is_not_there(kind, sentence, home, say):
    begun(home, "01" if kind != "file that was deleted" else "02")
    if kind == "folder without code":
        for path in home.glob("*.py"):
            path.unlink()
    elif kind == "code in a folder within":
        (home / "src").mkdir()
        for path in home.glob("*.py"):
            path.rename(home / "src" / path.name)
    elif kind == "file that was deleted":
        (home / "pico.py").unlink()
    else:
        (home / "pico.py").write_bytes(b"" if "empty" in kind else b"\0\xff")

    status, out, err = say("check")

    assert (status, err) == (FAIL, "")
    assert sentence in " ".join(out.split())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "# Gr\u00fc\u00dfe\n".encode("cp1252"),
            "line 1: the byte 0xfc",
        ),
        (b"\n\n# \xdc\n", "line 3: the byte 0xdc is no utf-8. Let"),
        (b"\xef\xbb\xbf\n# \xdc\n", "line 2: the byte 0xdc is no utf-8. Let"),
        (
            "# Gr\u00fc\u00dfe\n".encode("utf-16"),
            "line 1: it is saved as",
        ),
        (b"# coding: none-such\n", "unknown encoding: none-such"),
    ],
)
def test_file_in_another_encoding_is_told_with_its_line(source, said, home):
    begun(home, "01")
    (home / "pico.py").write_bytes(source)

    made = verdict.judge(home, find("01")).explanation

    assert said in made.cause
    assert "work/pico.py" in made.place


@pytest.mark.parametrize(
    "source",
    [
        "# coding: cp1252\n# Gr\u00fc\u00dfe\n".encode("cp1252"),
        "\ufeff# Gr\u00fc\u00dfe\n".encode(),
    ],
)
def test_file_whose_encoding_python_knows_is_no_mistake(source, tmp_path):
    path = tmp_path / "pico.py"
    path.write_bytes(source)

    mistakes.syntax(path)


# What stands still, or cannot be called


@pytest.mark.parametrize(
    ("number", "edit", "cause", "place"),
    [
        (
            "01",
            ("pico.py", 'if __name__ == "__main__":', "if True:"),
            "it serves while it is imported, and shall do so only as the",
            "work/pico.py, line 46",
        ),
        (
            "02",
            ("app.py", 'if __name__ == "__main__":\n    app', "app"),
            'Put this under `if __name__ == "__main__":`',
            "work/app.py, line 18",
        ),
        (
            "02",
            ("app.py", 'f"Hello {name}"', f'f"Hello {{name}}{{{SLEEP}}}"'),
            "the code does not come back from here",
            "work/app.py, line 15",
        ),
        (
            "03",
            (
                "connection.py",
                "await self.received()\n            if not",
                "await asyncio.sleep(0)\n            if not",
            ),
            "work: its answer never comes to its end: look for a loop that",
            "test_raw_protocol.py:40 (the promise)",
        ),
    ],
)
def test_what_stands_still_in_a_count_is_told_with_its_line(
    number, edit, cause, place, home, monkeypatch
):
    file, old, new = edit
    monkeypatch.setattr(verdict, "PATIENCE", 4.0)
    begun(home, number)
    change(home / file, old, new)

    made = verdict.judge(home, find(number)).explanation

    assert cause in made.cause
    assert made.place.endswith(place)


def test_stacks_that_were_written_into_one_another_are_not_looked_at(tmp_path):
    inside = f'  File "{tmp_path / "app.py"}", line 15 in hello\n'
    whole = f"Stack (most recent call first):\n{inside}"
    mixed = "Stack (most recent call first):\n  FiTimeout (0:00:04)!\nle "

    said = str(late(f"{whole}{whole}{mixed}{whole}", tmp_path))

    assert "app.py, line 15: the code does not come back" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            *("await loop.create_server", "loop.create_server"),
            "line 36: Loop.create_server was called without await: nothing in"
            " it has run. Correct it, then try again.",
        ),
        (
            *("class Protocol", "def mark(made): pass\n\n\n@mark(1)\nclass P"),
            "line 28: TypeError: 'NoneType' object is not callable. Something"
            " returned nothing: is a return missing?",
        ),
    ],
)
def test_program_that_ends_says_why_and_what_to_do(old, new, said, home):
    begun(home, "01")
    change(home / "pico.py", old, new)

    made = verdict.judge(home, find("01")).explanation

    assert made.cause == f"work/pico.py, {said}"


def test_port_that_a_system_might_give_is_told_where_it_is_fixed(home):
    begun(home, "01")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert port >= verdict.GIVEN
    change(home / "pico.py", ASKED, f"    port = {port:_}\n")

    made = verdict.judge(home, find("01")).explanation

    assert f"the same port each time (port {port})" in made.cause


def test_folder_of_extensions_that_is_no_package_is_told(home):
    begun(home, "04")
    (home / "extensions/__init__.py").unlink()

    made = verdict.judge(home, find("04")).explanation

    assert "work/extensions/__init__.py is not there" in made.cause
    assert made.place == "work/extensions/__init__.py"


# Which task is named


@pytest.mark.parametrize(
    ("number", "test", "task"),
    [
        ("02", "test_unknown_path_is_a_404", 3),
        ("02", "test_placeholder_kind_converts", 1),
        ("02", "test_taken_port_is_told_in_a_sentence", None),
        ("02", "test_hello_is_answered_with_json", None),
        ("03", "test_answer_has_a_date", 2),
        ("03", "test_head_that_is_too_long_is_refused", 1),
        ("03", "test_unknown_path_is_a_404", None),
    ],
)
def test_promise_has_the_task_that_says_so_and_no_other(number, test, task):
    found, _ = verdict.clue(find(number), test)

    assert (found and found.number) == task


def test_line_in_the_symbol_of_a_task_leads_to_the_task(home, say):
    begun(home, "02")
    change(home / "pico.py", LOOKUP, LOOKUP + "        raise KeyError(1)\n")

    _, out, _ = say("check")

    assert "FAIL  01_raw_protocol: hello is answered with json\n" in out
    assert out.endswith(f", line 84\nFor a hint: {START} hint 3\n")


@pytest.mark.parametrize(("number", "task"), [("01", 1), ("02", None)])
def test_program_that_does_not_start_is_a_task_of_step_01_alone(
    number, task, home
):
    begun(home, number)
    (home / "pico.py").write_text("class Pico", "utf-8")

    made = verdict.judge(home, find(number)).explanation

    assert (made.task and made.task.number) == task


# What promises ask of an app

KEEPS_NO_WORDS = [
    ("methods=None, **payload", "methods=None"),
    (
        "handler, **payload)\n            return",
        "handler)\n            return",
    ),
]


def test_route_without_more_words_is_enough_for_step_02(home, say):
    begun(home, "02")
    for old, new in KEEPS_NO_WORDS:
        change(home / "pico.py", old, new)

    status, out, _ = say("check")

    assert (status, "PASS  02_routing" in out) == (PASS, True)


@pytest.mark.parametrize(
    ("number", "edits", "cause", "place"),
    [
        ("03", KEEPS_NO_WORDS, "Pico must have `route(path", "Pico.route"),
        (
            *("02", [("    Protocol = Protocol\n", "")]),
            *("Pico must have `Protocol`, the class", "line 51: Pico"),
        ),
        (
            *(
                "02",
                [("f.serve(", "f.listen("), ("serve(self", "listen(self")],
            ),
            *("Pico must have `serve(host=None, port=None)`", "line 51: Pico"),
        ),
        (
            *("02", [("    @contextlib.asynccontextmanager\n", "")]),
            *("`serve(host=None, port=None)`, an async context", "Pico.serve"),
        ),
    ],
)
def test_what_an_app_lacks_is_told_in_words(number, edits, cause, place, home):
    begun(home, number)
    for old, new in edits:
        text = (home / "pico.py").read_text("utf-8")
        assert old in text
        text = text.replace(old, new).replace("self.Protocol(", "Protocol(")
        (home / "pico.py").write_text(text, "utf-8", newline="\n")

    made = verdict.promises(home, find(number), checking.files(number))

    assert cause in made.explanation.cause
    assert made.explanation.place.endswith(place)


# What can be tried by hand


@pytest.mark.parametrize(
    ("lines", "begins"),
    [
        (["GET /a?b HTTP/1.1", "Host: a", "", ""], "curl -i "),
        (
            ["POST /a HTTP/1.1", "Host: a", "Content-Length: 1", "", "b"],
            "curl",
        ),
        (["GET /a HTTP/1.1", "", ""], "printf"),
        (["GET /a HTTP/1.1", "Host: a", "Host: b", "", ""], "printf"),
        (["GET /a/../b HTTP/1.1", "Host: a", "", ""], "printf"),
        (["GET * HTTP/1.1", "Host: a", "", ""], "printf"),
        (["GET /a HTTP/1.1", "Host: a", "X: ", "", ""], "printf"),
        (
            ["GET /a HTTP/1.0", "Host: a", "Connection: keep-alive", "", ""],
            "p",
        ),
        (
            ["PUT /a HTTP/1.1", "Host: a", "Content-Length: 2", "", "b"],
            "printf",
        ),
        (
            ["PUT / HTTP/1.1", "Host: a", "Content-Length: 1", "", "@"],
            "printf",
        ),
    ],
)
def test_curl_is_told_what_it_sends_as_it_came(lines, begins):
    assert explain.curl(["\r\n".join(lines)])[0].startswith(begins)


def test_bytes_that_were_cut_are_cut_by_hand():
    lines = explain.curl(["GET /hel", "lo HTTP/1.1\r\n\r\n"])

    assert lines == [
        "(printf 'GET /hel'",
        "  sleep 1; printf 'lo HTTP/1.1\\r\\n\\r\\n') |",
        "  curl -sN -m 3 telnet://127.0.0.1:8001",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "pico.py",
            "path, query_string)",
            "path, method)",
            "# steps/",
        ),
        ("app.py", "Hello world", "Hello", "curl -i http://127.0.0.1:8001/"),
    ],
)
def test_promise_with_an_app_of_its_own_says_so(file, old, new, said, home):
    if sys.platform == "win32":
        pytest.skip("told otherwise on Windows")
    begun(home, "02")
    change(home / file, old, new)
    names = "test_handler_sees_method_path", "test_app_greets"
    words = [*checking.files("02"), "-k", " or ".join(names)]

    made = verdict.promises(home, find("02"), words).explanation

    assert said in made.by_hand[-1]
    own = "# This promise has an app of its own: see"
    assert (made.by_hand[0] == own) == (file == "pico.py")


# Files with the name of a library


@pytest.mark.parametrize("number", ["01", "02"])
def test_file_that_hides_a_library_is_named(number, home):
    begun(home, number)
    (home / "asyncio.py").write_text("x = 1\n")

    made = verdict.judge(home, find(number)).explanation

    assert "work/asyncio.py is imported in place of Python's" in made.cause
    assert (made.place, made.task) == ("work/asyncio.py", None)
    assert made.lines()[-1] == "Look at: work/asyncio.py"


def test_room_that_lacks_a_name_hides_no_library(home):
    begun(home, "02")
    (home / "routing.py").write_text("x = 1\n")

    made = verdict.judge(home, find("02")).explanation

    assert "cannot import name 'Router' from 'routing'" in made.cause


# Mistakes in app.py


@pytest.mark.parametrize(
    ("number", "edits", "cause", "place"),
    [
        (
            *(
                "02",
                {"app = ": "web = ", "@app": "@web", "app.run": "web.run"},
            ),
            *("app.py must call its application `app`", "work/app.py"),
        ),
        (
            *("02", {"async def hello": "def hello"}),
            *("`hello` is a plain function", "work/app.py, line 14: hello"),
        ),
        (
            *("03", {"async def hello": "def hello"}),
            *("`hello` is a plain function", "work/app.py, line 14: hello"),
        ),
        (
            *("02", {"async def index": "def index"}),
            *("`index` is a plain function", "work/app.py, line 9: index"),
        ),
        (
            *("02", {'@app.route("/")': "@app.route"}),
            *("`index` has no path: write", "work/app.py, line 9: index"),
        ),
        (
            "02",
            {'response.json = {"message": f"': 'return {"message": f"'},
            *("`hello` returns a value, and", "work/app.py, line 14: hello"),
        ),
        (
            *("03", {"response.json =": "return"}),
            *("`index` returns a value, and", "work/app.py, line 9: index"),
        ),
    ],
)
def test_mistake_in_app_is_told_of_app(number, edits, cause, place, home):
    begun(home, number)
    text = (home / "app.py").read_text("utf-8")
    for old, new in edits.items():
        text = text.replace(old, new)
    (home / "app.py").write_text(text, "utf-8", newline="\n")

    made = verdict.promises(home, find(number), checking.files(number))

    assert cause in made.explanation.cause
    assert made.explanation.place == place


# Files that cannot be read


def spoil(path, kind):
    """Put something there that is no source file."""
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere.py")


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("folder", "work/messages.py is no file"),
        ("pipe", "work/messages.py is no file"),
        ("link", "work/messages.py cannot be read (No such file"),
    ],
)
def test_check_names_the_file_that_is_none(kind, said, home, say):
    begun(home, "02")
    spoil(home / "messages.py", kind)

    status, out, err = say("check")

    assert (status, err) == (FAIL, "")
    assert said in out
    assert "Look at: work/messages.py\n" in out


@pytest.mark.skipif(sys.platform == "win32", reason="makes a pipe")
def test_solve_does_not_wait_for_a_pipe(home, say):
    begun(home, "02")
    spoil(home / "messages.py", "pipe")

    status, out, err = say("solve")

    assert (status, out) == (USAGE, "")
    assert "work/messages.py is no file" in err


def test_file_that_may_not_be_read_is_named(home, monkeypatch):
    begun(home, "02")
    refused = PermissionError(errno.EACCES, "Permission denied")
    path = home / "pico.py"
    for verb in ("read_text", "read_bytes"):
        monkeypatch.setattr(Path, verb, lambda *_, **__: raises(refused))

    for read in (diffs.content, mistakes.syntax):
        with pytest.raises(
            WorkshopError, match=r"work/pico\.py cannot be rea"
        ):
            read(path)
    with pytest.raises(WorkshopError, match=r"work/pico\.py cannot be read"):
        serving.has_pico(home)


def raises(error):
    raise error


def test_file_in_another_encoding_has_lines(tmp_path):
    (tmp_path / "pico.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\n")

    assert core_lines(tmp_path) == 1


@pytest.mark.parametrize("read", [diffs.only_words, diffs.definitions])
def test_source_with_a_null_is_a_file_half_done(read, monkeypatch):
    def parse(source):  # as Python 3.11 does
        raise ValueError("source code string cannot contain null bytes")

    names = {**vars(diffs.ast), "parse": parse}
    monkeypatch.setattr(diffs, "ast", types.SimpleNamespace(**names))

    assert not read.__wrapped__("x = 1\0")


def test_sets_are_written_in_one_order():
    words = [f"/{number}" for number in range(10)]

    assert plugin.in_order(set(words)) == f"{{{str(words)[1:-1]}}}"
    assert plugin.in_order({"b", "a"}) == "{'a', 'b'}"
    assert plugin.in_order((None, {"b", "a"}, {2: 1})) == (
        "(None, {'a', 'b'}, {2: 1})"
    )
    assert plugin.in_order((set(), 1.5)) == "(set(), 1.5)"


# What is left behind


@pytest.mark.parametrize("name", ["fail", "exit_of_a_promise"])
def test_check_that_fails_leaves_nothing_behind(
    name, home, tmp_path, monkeypatch, say
):
    number, file, old, new = SCENES[name]
    begun(home, number)
    change(home / file, old, new)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(place))

    assert say("check")[0] == FAIL

    assert list(place.iterdir()) == []


# A file that is gone


def test_file_that_is_gone_comes_back_as_it_is_said(home, say):
    for words in (["begin"], ["goto", "03"]):
        assert say(*words)[0] == PASS
    (home / "pico.py").unlink()

    _, out, _ = say("check")
    verb = re.search(r"`(?:py|python3) start.py (\w+)`", out)[1]
    say(verb)

    assert verb == "reset"
    assert (home / "pico.py").is_file()
    assert work.progress().step == "03"


# What is remembered


def test_check_notes_the_task_that_failed_and_the_step_that_passed(home, say):
    begun(home, "01")
    right = (home / "pico.py").read_text("utf-8")
    change(home / "pico.py", WRITE, WRITE + "        self.transport.close()\n")

    say("check")
    noted = work.progress()
    (home / "pico.py").write_text(right, "utf-8", newline="\n")
    say("check")

    task = noted.failed
    test = "test_connection_is_kept_for_the_next_request"
    assert course.tasks(find("01"))[task - 1].test == test
    assert (noted.passed, noted.done) == (False, [])
    known = work.progress()
    assert (known.failed, known.passed, known.done) == (0, True, ["01"])


def test_price_that_cannot_be_counted_is_said(home, say, monkeypatch):
    def inexact(*words):
        raise WorkshopError("It cannot be counted.")

    monkeypatch.setattr(verdict, "count", inexact)
    monkeypatch.setattr(verdict, "judge", lambda *_: verdict.Verdict(1))
    begun(home, "05")

    status, out, _ = say("check")

    assert status == PASS
    assert "Its price is not known: It cannot be counted." in out
    assert out.endswith(f"Next: {START} ladder --mine\n")


def test_price_stands_beside_the_reference(home, say, monkeypatch):
    costs = iter([Counts(120, 10, 5, 1, 0), Counts(100, 12, 5, 1, 0)])
    monkeypatch.setattr(verdict, "count", lambda *_: (next(costs), None))
    monkeypatch.setattr(verdict, "judge", lambda *_: verdict.Verdict(1))
    begun(home, "02")

    _, out, _ = say("check")

    assert "  bytecodes: 120; reference 100 (+20)\n" in out
    assert "  Python calls: 10; reference 12 (-2)\n" in out
    assert out.endswith(f"Next: {START} begin 03\n")


# watch


class Looks:
    """What is seen at each look, until somebody presses Ctrl-C."""

    def __init__(self, *seen):
        self.seen = [{"pico.py": (number, 1)} for number in seen]
        self.trace = []

    def look(self):
        if not self.seen:
            raise KeyboardInterrupt
        return self.seen.pop(0)

    def pause(self):
        self.trace.append("pause")

    def begin(self):
        self.trace.append("begin")
        return self

    def end(self):
        self.trace.append("end")


def watched(*seen):
    """Return what watch does, without its pauses."""
    looks = Looks(*seen)
    with pytest.raises(KeyboardInterrupt):
        watching.watch(looks.look, looks.pause, looks.begin)
    return [word for word in looks.trace if word != "pause"]


def test_promise_that_does_not_apply_is_not_one_that_is_kept(
    home, monkeypatch
):
    outcomes = [
        Outcome("a.py::test_one[02]", "kept"),
        Outcome("a.py::test_two[02]", "not applicable"),
    ]
    monkeypatch.setattr(verdict.checking, "reported", lambda *_: outcomes)

    assert verdict.promises(home, find("02"), []).kept == 1


def test_what_can_be_typed_on_windows_is_told_there(home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    seen = Seen(sent=["GET / HTTP/1.1\r\n\r\n"], program="wire_app.py")

    file, command = explain.by_hand(seen, home, "test_it.py")

    assert "request.http" in file
    assert "send request.http --crlf --step" in command


def test_watch_begins_at_once_and_not_again_without_a_change():
    assert watched(1, 1, 1, 1) == ["begin", "end"]


def test_watch_ends_what_runs_when_a_file_changes():
    assert watched(1, 1, 2, 2, 2) == ["begin", "end", "begin", "end"]


def test_watch_waits_until_nothing_changes_any_more():
    assert watched(1, 1, 2, 3, 4, 4) == ["begin", "end", "begin", "end"]


def test_snapshot_sees_code_alone(tmp_path):
    code = tmp_path / "extensions" / "mine.py"
    for path in (code, tmp_path / "progress.toml"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    for other in ("__pycache__", ".history"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "x.py").write_text("def (")
    before = watching.snapshot(tmp_path)
    code.write_text("x = 1")

    after = watching.snapshot(tmp_path)

    assert list(before) == list(after) == [str(code)]
    assert before != after


@pytest.mark.skipif(sys.platform == "win32", reason="sends a SIGINT")
def test_watch_checks_again_on_a_save_and_ends_with_ctrl_c(home):
    begun(home, "01")
    right = (home / "pico.py").read_text("utf-8")
    (home / "pico.py").write_text("while True: pass\n", "utf-8")
    program = workshop_process("watch", WORKSHOP_PLAIN="1")
    said = [program.stdout.readline(), program.stdout.readline()]

    (home / "pico.py").write_text(right, "utf-8", newline="\n")
    said += iter(program.stdout.readline, f"Next: {START} begin 02\n")
    left = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGINT)
    rest = program.communicate(timeout=20)[0]

    text = re.sub(r"\d\d:\d\d:\d\d", "HH:MM:SS", "".join(said))
    assert "Interrupted" not in text
    assert re.match("Checking .* at each save, until Ctrl-C.\n--- HH", text)
    assert text.count("--- HH:MM:SS ---\n") == 2
    assert text.count("PASS  01_raw_protocol\n") == 1
    assert rest == "Interrupted: what was started is ended.\n"
    assert program.returncode == INTERRUPTED
    assert psutil.wait_procs(left, timeout=5)[1] == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a SIGINT")
def test_check_ends_with_ctrl_c_and_leaves_no_process(home):
    begun(home, "01")
    (home / "pico.py").write_text("while True: pass\n", "utf-8")
    program = workshop_process("check")
    me = psutil.Process(program.pid)
    while not me.children():  # Until it has begun to wait for the program.
        assert program.poll() is None
    left = me.children(recursive=True)

    program.send_signal(signal.SIGINT)
    said = program.communicate(timeout=20)[0]

    assert said == "Interrupted: what was started is ended.\n"
    assert program.returncode == INTERRUPTED
    assert psutil.wait_procs(left, timeout=5)[1] == []


def test_watch_of_nothing_says_how_to_begin(say):
    status, _, err = say("watch")

    assert status == USAGE
    assert f"`{START} begin`" in err
