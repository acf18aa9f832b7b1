"""What the command line says and returns, for good words and for bad ones."""

import contextlib
import errno
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from workshop import checking, cli, screen
from workshop.bench.study import Study
from workshop.errors import (
    ENVIRONMENT,
    FAIL,
    INTERRUPTED,
    PASS,
    USAGE,
    WorkshopError,
)
from workshop.serving import end, target
from workshop.steps import ROOT, all_steps, find
from workshop.verbs import START

ESCAPE = "\x1b["
VERBS = [
    ["list"],
    ["serve"],
    ["send"],
    ["check"],
    ["watch"],
    ["dev", "check"],
    ["dev", "amend"],
    ["diff"],
    ["ladder"],
    ["bench"],
    ["memory"],
    ["doctor"],
    ["docs"],
    ["begin"],
    ["goto"],
    ["reset"],
    ["hint"],
    ["solve"],
    ["undo"],
    ["status"],
    ["present"],
    ["schedule"],
    ["talk"],
    ["wheelhouse"],
    ["dev", "release"],
]


def workshop(*words, **env):
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "workshop", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def sentence(err):
    """Return the one sentence on stderr."""
    assert "Traceback" not in err
    assert err.endswith(".\n") and err.count("\n") == 1, err
    return err.strip()


@pytest.fixture
def folder(tmp_path):
    """Return a copy of step 02, to be spoiled."""
    made = tmp_path / "mine"
    shutil.copytree(find("02").folder, made)
    return made


# The load of this machine


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        (None, "busy with other work (load 2.5) when we began"),
        ("1", "still busy from the installation (load 2.5) when we began"),
    ],
)
def test_load_of_our_own_installation_is_not_other_work(
    installed, said, monkeypatch
):
    monkeypatch.delenv("WORKSHOP_INSTALLED", raising=False)
    if installed:
        monkeypatch.setenv("WORKSHOP_INSTALLED", installed)
    sentences = []
    told = SimpleNamespace(say=lambda text, _: sentences.append(text))

    Study.caption(told, {"machine": {"load_average": 2.5}})

    assert said in sentences[0]


# Output that nobody can write


@pytest.mark.skipif(os.name != "posix", reason="asks a shell of POSIX")
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["list", "diff 02 03", "check --help"])
def test_output_that_cannot_be_written_is_told_in_a_sentence(words, where):
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    command = f'"{sys.executable}" -m workshop {words} {where}'

    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        check=False,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )

    assert done.returncode == ENVIRONMENT
    said = sentence(done.stderr)
    assert re.match(r"The output cannot be written \(.+\): choose", said)


def test_error_of_a_file_is_not_one_of_the_output(say, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "a.json")

    monkeypatch.setattr(cli.views, "steps", fail)

    with pytest.raises(OSError, match=r"a\.json"):
        say("list")


# Help


def test_no_words_show_the_verbs(say):
    status, out, err = say()

    assert (status, err) == (PASS, "")
    for words in VERBS:
        assert f"\n  {words[0]} " in out


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_help_of_each_verb_has_examples(say, words):
    status, out, err = say(*words, "--help")

    assert (status, err) == (PASS, "")
    examples = out.partition("Examples:")[2].strip().splitlines()
    assert examples
    for example in examples:
        assert example.strip().startswith(f"{START} {words[0]}")


def test_every_verb_is_known_to_these_tests(say):
    _, out, _ = say()
    listed = re.findall(r"^  ([a-z]+)  ", out.partition("--help")[2], re.M)

    assert sorted(listed) == sorted({words[0] for words in VERBS})


# list


def test_list_tells_each_step(say):
    status, out, _ = say("list")

    words = " ".join(out.split())  # A sentence may be wrapped.
    assert status == PASS
    for step in all_steps():
        assert step.number in words
        assert step.data["title"] in words
        assert step.data["sentence"] in words


def test_list_works_on_a_console_that_writes_ascii_alone():
    done = workshop("list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (done.returncode, done.stderr) == (PASS, "")
    assert done.stdout.isascii()


def test_letters_that_a_console_lacks_are_spelled():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        screen.prepare()
        print("2 µs → 3 ✓ \N{SNOWMAN}", end="")
        stream.flush()

    assert raw.getvalue() == b"2 \xb5s -> 3 + ?"


def test_no_color_means_no_escape():
    coloured = workshop("diff", "01", "02", FORCE_COLOR="1", NO_COLOR="")
    plain = workshop("diff", "01", "02", NO_COLOR="1")

    # rich takes a pipe of Windows for an old console, which has none.
    assert ESCAPE in coloured.stdout or sys.platform == "win32"
    assert ESCAPE not in plain.stdout


# diff


def test_diff_printed_to_a_file_is_a_patch(tmp_path):
    done = workshop("diff", "02", "03")

    shutil.copytree(find("02").folder, tmp_path / "mine")
    patched = subprocess.run(
        ["git", "apply", "-"],
        cwd=tmp_path / "mine",
        input=done.stdout,
        encoding="utf-8",
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, patched.returncode) == (PASS, 0)
    for path in find("03").folder.glob("*.py"):
        if path.name != "bench.py" and not path.name.startswith("test_"):
            assert (tmp_path / "mine" / path.name).read_text() == (
                path.read_text()
            )


@pytest.mark.parametrize("way", ["--stat", "--side-by-side", "--hunks"])
def test_diff_names_each_file_in_every_way(say, way):
    status, out, _ = say("diff", "02", "03", way)

    assert status == PASS
    for name in ("pico.py", "messages.py", "parsing.py", "connection.py"):
        assert name in out
    for name in ("app.py", "routing.py", "bench.py", "test_", "README"):
        assert name not in out


def test_diff_numbers_its_hunks(say):
    _, out, _ = say("diff", "02", "03", "--hunks")

    numbers = re.findall(r"^Hunk (\d+) of (\d+): ", out, re.M)
    total = len(numbers)
    assert numbers == [(str(n), str(total)) for n in range(1, total + 1)]


def test_diff_of_all_files_shows_tests_and_cards(say):
    _, out, _ = say("diff", "02", "03", "--stat", "--all")

    assert "README.md" in out
    assert "test_parsing.py (new)" in out
    assert "__pycache__" not in out


def test_diff_of_a_step_with_itself_says_so(say):
    status, out, _ = say("diff", "02", "02")

    assert (status, out) == (PASS, "02 and 02 have the same code.\n")


def test_diff_of_a_reader_that_goes_away_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "diff", "01", "05"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == PASS


def test_diff_with_a_url_is_refused(say):
    with serving("01", "--port", "0") as (_, url):
        status, _, err = say("diff", "01", url)

    assert status == USAGE
    assert "A URL has no files" in sentence(err)


# serve


@contextlib.contextmanager
def serving(*words, **env):
    """Run `workshop serve`; yield the process and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "serve", *words],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("Listening on http://"), process.stderr.read()
        yield process, line.split()[-1]
    finally:
        # Killed at once, it could not end the server that it has started.
        end(process, 20)
        process.communicate(timeout=20)


def get(url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"GET /hello/you HTTP/1.1\r\nhost: pico\r\n\r\n")
        return client.recv(4096)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_serve_answers_until_it_is_interrupted(name):
    with serving("03", "--port", "0") as (process, url):
        answer = get(url)
        (child,) = psutil.Process(process.pid).children()
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=20)

    assert answer.endswith(b'{"message":"Hello you"}')
    assert process.returncode == INTERRUPTED
    assert sentence(err) == "Interrupted: what was started is ended."
    gone, _ = psutil.wait_procs([child], timeout=5)
    assert gone == [child]


def test_serve_runs_a_folder_of_ones_own(folder):
    app = folder / "app.py"
    app.write_text(app.read_text().replace("Hello ", "Bonjour "))

    with serving(str(folder), "--port", "0") as (_, url):
        answer = get(url)

    assert answer.endswith(b'{"message":"Bonjour you"}')


def test_serve_says_who_has_the_port(say):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = say("serve", "01", "--port", port)

    assert status == ENVIRONMENT
    assert f"Port {port} is taken by" in sentence(err)
    assert str(os.getpid()) in err or sys.platform == "darwin"
    assert "--port 0" in err


def test_serve_says_so_where_the_system_tells_nothing(say, monkeypatch):
    def denied(kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = say("serve", "01", "--port", port)

    assert status == ENVIRONMENT
    assert "another process" in sentence(err)


def test_serve_of_an_address_that_is_not_ours(say):
    status, _, err = say("serve", "01", "--host", "192.0.2.1")

    assert status == USAGE
    assert "no address of this machine" in sentence(err)


@pytest.mark.parametrize("asked", [True, False])
def test_serve_says_if_a_program_has_a_port_of_its_own(folder, asked):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = "os.environ['PORT']" if asked else "1"
    (folder / "app.py").write_text(
        f"import os\nprint('Listening on http://127.0.0.1:%s' % {where})\n"
    )

    done = workshop("serve", str(folder), "--port", str(port))

    said = f"It listens on a port of its own: PORT says {port}.\n"
    assert (said in done.stdout) != asked


def test_serve_at_all_addresses_says_which_one_to_ask(folder):
    (folder / "app.py").write_text(
        'print("Listening on http://0.0.0.0:9", flush=True)\n'
    )

    done = workshop("serve", str(folder), "--port", "0")

    assert "Try: curl -i http://127.0.0.1:9/hello/you" in done.stdout


def test_serve_of_a_program_that_ends_by_itself(folder):
    app = folder / "app.py"
    listen = 'print("Listening on http://127.0.0.1:9", flush=True)'
    app.write_text(f"{listen}\nraise SystemExit(7)\n")

    done = workshop("serve", str(folder), "--port", "0")

    assert done.returncode == FAIL
    assert sentence(done.stderr) == "mine ended by itself, with status 7."


# Folders that cannot be started: the same sentence from each verb

BROKEN = {
    "syntax": ("pico.py", "def f(:\n", FAIL, "pico.py, line 1: SyntaxError"),
    "name": ("app.py", "\n\nprint(nam)\n", FAIL, "app.py, line 3: NameError"),
    "httptools": (
        "httptools.py",
        "raise ModuleNotFoundError(\"No module named 'httptools'\")\n",
        ENVIRONMENT,
        "-m pip install httptools`",
    ),
    "another package": (
        "app.py",
        "import no_such_thing\n",
        FAIL,
        "app.py, line 1: ModuleNotFoundError",
    ),
    "no run": ("app.py", "import pico\n", FAIL, "let its last line be"),
}


@pytest.mark.parametrize("verb", ["serve", "dev check", "ladder"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_folder_that_cannot_start_is_told_in_one_sentence(
    say, tmp_path, verb, kind
):
    step = "03" if kind == "httptools" else "02"
    made = tmp_path / "mine"
    shutil.copytree(find(step).folder, made)
    name, source, wanted, text = BROKEN[kind]
    (made / name).write_text(source)
    words = {
        "serve": ["serve", made, "--port", 0],
        "dev check": ["dev", "check", "--target", made],
        "ladder": ["ladder", "--quick", "--target", made, "01"],
    }

    status, _, err = say(*words[verb])

    assert status == wanted
    assert text in sentence(err)


# Words that cannot be understood

USAGES = {
    "no such verb": (["frobnicate"], "No such command"),
    "no such option": (["list", "--frob"], "No such option"),
    "no value": (["doctor", "--json"], f"argument: `{START} doctor --help`"),
    "no value in dev": (["dev", "release", "--out"], "dev release --help`"),
    "empty value": (["wheelhouse", "--out", ""], "--out is given nothing"),
    "value left out": (["talk", "--out="], "--out is given nothing"),
    "no step": (["serve"], "Missing argument"),
    "unknown step": (["serve", "09"], "There is no step '09'"),
    "unknown word": (["serve", "frob"], "no step, no folder and no URL"),
    "unknown step in check": (["dev", "check", "09"], "no step '09'"),
    "unknown step in diff": (["diff", "02", "09"], "no step '09'"),
    "unknown step on the ladder": (["ladder", "09"], "no step '09'"),
    "two ways": (["diff", "01", "02", "--stat", "--hunks"], "one of them"),
    "port too high": (["serve", "01", "--port", "65536"], "--port"),
    "unknown load": (["ladder", "--load", "ab"], "'wrk'"),
    "unknown experiment": (["bench", "frob"], "There is no experiment"),
    "no folder to write to": (
        ["ladder", "--json", "no/such/folder.json"],
        "no folder no",
    ),
    "no folder for the doctor to write to": (
        ["doctor", "--json", "no/such/folder.json"],
        "no folder no",
    ),
    "no whole number": (["serve", "01", "--port", "a"], "'a' is no whole num"),
    "no number of a task": (["hint", "abc"], "'abc' is no whole number: `"),
    "no number": (["present", "--minutes", "x"], "'x' is no number: `"),
    "verb that is nearly one": (["chek"], "Did you mean 'check'? `"),
    "folder that is no step": (
        ["dev", "check", "docs"],
        "dev check --target docs` judges a folder or a URL",
    ),
    "words for all experiments": (
        ["bench", "all", "foo"],
        f"take no 'foo': name one of them, as `{START} bench` lists them",
    ),
    "step without a name": (["begin", ""], "There is no step ''"),
    "no folder for memory to write to": (
        ["memory", "--json", "no/such/folder.json"],
        "no folder no",
    ),
    "folder to write to": (["ladder", "--json", "docs"], "docs is a folder"),
    "talk without an end": (
        ["present", "--minutes", "inf"],
        "A talk of inf minutes cannot be planned: give at most 600.",
    ),
    "talk of no number": (["present", "--minutes", "nan"], "of nan minutes"),
    "talk of ages": (["present", "--notes", "--minutes", "1e308"], "1e+308"),
    "URL that is none": (["dev", "check", "--target", "ftp://x"], "http://"),
}


def test_file_that_may_not_be_written_is_told_before_we_measure(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)

    with pytest.raises(WorkshopError, match=r"a\.json may not be written"):
        cli.can_be_written(None, tmp_path / "a.json")


@pytest.mark.parametrize("kind", USAGES)
def test_words_that_cannot_be_understood(say, kind):
    words, text = USAGES[kind]

    status, _, err = say(*words)

    assert status == USAGE
    assert text in sentence(err)


@pytest.mark.parametrize(
    "words", [["serve"], ["dev", "check", "--target"], ["ladder", "--target"]]
)
def test_a_folder_without_a_program(say, tmp_path, words):
    status, _, err = say(*words, tmp_path)

    assert status == USAGE
    assert "neither app.py nor pico.py" in sentence(err)


@pytest.mark.parametrize("listens", [True, False], ids=["mute", "nobody"])
def test_a_url_that_does_not_answer(say, monkeypatch, listens):
    monkeypatch.setattr("workshop.serving.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not listens:
            server.close()
        url = f"http://127.0.0.1:{port}"
        status, _, err = say("dev", "check", "--target", url)

    assert status == ENVIRONMENT
    assert f"{url} does not answer" in sentence(err)


def test_ladder_without_the_wrk_that_was_asked_for(say, monkeypatch):
    monkeypatch.setenv("PATH", "")

    status, _, err = say("ladder", "--quick", "--load", "wrk", "01")

    assert status == ENVIRONMENT
    assert "wrk" in sentence(err)


def test_docs_says_who_has_the_port(say):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = say("docs", "--port", port)

    assert status == ENVIRONMENT
    assert f"Port {port} is taken by" in sentence(err)


def test_docs_without_mkdocs(say, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    status, _, err = say("docs")

    assert status == ENVIRONMENT
    assert "mkdocs is not installed" in sentence(err)


def test_docs_that_cannot_be_built_here_are_told(say, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "site").write_text("mine", "utf-8")

    status, out, err = say("docs", "--build")

    assert (status, out) == (ENVIRONMENT, "")
    assert "site cannot be written (File exists)" in sentence(err)


# dev check


@pytest.fixture
def small(tmp_path):
    """Return a copy of step 01, to be spoiled."""
    made = tmp_path / "small"
    shutil.copytree(find("01").folder, made)
    return made


def test_check_of_a_folder_that_keeps_its_promises(say, small):
    status, out, err = say("dev", "check", "--target", small)

    assert (status, err) == (PASS, "")
    assert out.startswith("Promises of steps 01 to 01, on small\n")
    assert "PASS  answer is one write  small" in out
    assert "FAIL" not in out
    assert re.search(r"^\d+ kept, 0 broken\.$", out, re.M)


def test_check_of_a_folder_that_breaks_one(say, small):
    pico = small / "pico.py"
    pico.write_text(pico.read_text().replace("Hello bench", "Hullo bench"))

    status, out, _ = say("dev", "check", "--target", small)

    assert status == FAIL
    assert "FAIL  answer is exactly these bytes" in out
    assert "on small: steps/01_raw_protocol/test_raw_protocol.py:" in out
    assert re.search(r"^\d+ kept, [1-9]\d* broken\.$", out, re.M)


def test_check_tells_which_steps_the_rooms_are(tmp_path):
    shutil.copytree(find("03").folder, tmp_path / "mine")

    mine = target(str(tmp_path / "mine"))

    assert checking.reached(mine) == "03"
    assert checking.reached(target("05")) == "05"


def test_check_names_the_promise_that_does_not_end(monkeypatch):
    monkeypatch.setattr(checking, "PATIENCE", 0.1)
    reading, writing = os.pipe()
    begun = '{"nodeid": "test_hang.py::test_it_hangs", "word": "begun"}\n'
    with os.fdopen(writing, "w") as pytest_says:
        process = SimpleNamespace(stdout=os.fdopen(reading))
        pytest_says.write(begun)
        pytest_says.flush()

        with pytest.raises(WorkshopError, match="test_it_hangs did not end"):
            list(checking.followed(process))


def test_check_gives_a_slow_machine_time_before_the_first_promise():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pytest_says:
        process = SimpleNamespace(stdout=os.fdopen(reading))
        outcomes = checking.followed(process, patience=0.01)
        threading.Timer(0.1, pytest_says.close).start()

        assert list(outcomes) == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_check_of_tests_that_are_killed_has_not_passed(monkeypatch):
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(
        *(checking, "begun"),
        lambda *words: subprocess.Popen(killed, stdout=-1, encoding="utf-8"),
    )

    with pytest.raises(WorkshopError, match="The tests could not be run"):
        list(checking.reported([]))


@pytest.mark.parametrize("number", ["04", "05"])
def test_each_promise_lives_to_be_told(number):
    """What it replaces is back before the outcome is written."""
    outcomes = list(checking.reported([str(find(number).folder)]))

    assert {one.word for one in outcomes} == {"kept"}


def test_check_of_a_url_tells_what_does_not_apply(say):
    with serving("01", "--port", "0") as (_, url):
        status, out, _ = say("dev", "check", "01", "--target", url)

    assert status == PASS
    assert "SKIP" in out
    assert "not applicable to a URL" in out


# Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT")
def test_ladder_that_is_interrupted_says_so_and_ends_its_servers():
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "ladder", "--quick", "01", "02"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    for line in process.stdout:
        if "% done: round" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert process.returncode == INTERRUPTED
    assert "partial" in out and "Interrupted" in out
    assert err == ""
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_all_experiments_run_even_if_one_cannot(say, monkeypatch):
    asked = []

    def run(name, options):
        asked.append(name)
        if name == "extensions":
            raise WorkshopError("Not here: install it.", ENVIRONMENT)
        return PASS

    monkeypatch.setattr("workshop.bench.experiment.run", run)
    status, _, err = say("bench", "all", "--quick")

    assert status == ENVIRONMENT
    assert {"extensions", "ladder", "realistic"} <= {*asked}
    assert "Not here: install it." in err
