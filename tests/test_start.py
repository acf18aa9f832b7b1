"""start.py on small clones: made, repaired, handed over, and every refusal."""

import ast
import contextlib
import http.server
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
START = ROOT / "start.py"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
NOWHERE = "http://127.0.0.1:9/simple"  # Nobody listens on port 9.

# What a small clone hands over to: it tells what it was given.
TELLTALE = """\
import json, os, sys

print(json.dumps({
    "words": sys.argv[1:],
    "module": __spec__.name,
    "folder": os.getcwd(),
    "venv": sys.prefix,
    "path": sys.path[0],
    "environment": {
        name: os.environ.get(name)
        for name in ("PYTHONHOME", "VIRTUAL_ENV", "WORKSHOP_INSTALLED")
    },
    "packages": sorted(
        name for name in ("speck", "mote")
        if __import__("importlib.util").util.find_spec(name)
    ),
}))
if "--speck" in sys.argv:
    import speck
    print(speck.VERSION)
sys.exit(7 if "--fail" in sys.argv else 0)
"""


@dataclass
class Clone:
    """A small clone: start.py, pins of tiny packages, a telltale."""

    folder: Path

    def start(
        self,
        *words: str,
        cwd: Path | None = None,
        python: Path | str = sys.executable,
        **env: str,
    ) -> "Run":
        """Run start.py to its end, with no network and no uv."""
        done = subprocess.run(
            [python, self.folder / "start.py", *words],
            cwd=cwd or self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def environment(self, **env: str) -> dict[str, str]:
        nothing = self.folder.parent / "nothing"
        nothing.mkdir(exist_ok=True)
        ours = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "WORKSHOP_INSTALLED")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours)
        }
        fixed = {
            "PATH": str(nothing),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": NOWHERE,
            "PIP_RETRIES": "0",
            # An installer that is interrupted leaves folders there.
            "TMPDIR": str(self.folder.parent),
        }
        return kept | fixed | env

    def pin(self, group: str, *lines: str) -> None:
        text = "".join(f"{line}\n" for line in ["# Pins.", *lines])
        path = self.folder / "requirements" / f"{group}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")

    def wheel(self, name: str, version: str) -> None:
        """Put a wheel of one module into wheelhouse/."""
        place = self.folder / "wheelhouse"
        place.mkdir(exist_ok=True)
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}/__init__.py": f"VERSION = {version!r}\n",
            f"{info}/METADATA": "Metadata-Version: 2.1\n"
            f"Name: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
            "Root-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        files[f"{info}/RECORD"] = record
        path = place / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for inner, text in files.items():
                archive.writestr(inner, text)

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def python(self) -> Path:
        if os.name == "nt":
            return self.venv / "Scripts" / "python.exe"
        return self.venv / "bin" / "python"

    def offline(self) -> None:
        shutil.rmtree(self.folder / "wheelhouse")


@dataclass
class Run:
    """How a run of start.py ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def told(self) -> dict:
        """What the telltale told, on the first line that is JSON."""
        lines = [line for line in self.out.splitlines() if line[:1] == "{"]
        assert lines, self
        return json.loads(lines[0])

    def refused(self, *parts: str) -> bool:
        """Tell if it ended with status 3 and one sentence with these parts."""
        assert self.status == 3, self
        assert len(self.err.splitlines()) == 1, self.err
        assert self.err.startswith("start.py: "), self.err
        return all(part in self.err for part in parts)


def small_clone(folder: Path) -> Clone:
    clone = Clone(folder)
    tools = folder / "workshop"
    tools.mkdir(parents=True)
    shutil.copy(START, folder)
    (tools / "__init__.py").write_text("", "utf-8")
    (tools / "__main__.py").write_text(TELLTALE, "utf-8")
    (tools / "suite.py").write_text(TELLTALE, "utf-8")
    clone.pin("runtime", "speck==1.0", "dust==1.0 ; sys_platform == 'none'")
    clone.pin("test", "mote==1.0")
    clone.pin("notebooks")
    clone.pin("docs", "mote==1.0")
    clone.wheel("speck", "1.0")
    clone.wheel("mote", "1.0")
    return clone


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Run]:
    """A clone that was set up by `start.py` without words, and that run."""
    clone = small_clone(tmp_path_factory.mktemp("first") / "clone")
    return clone, clone.start()


@pytest.fixture
def fresh(tmp_path: Path) -> Clone:
    """A clone in which nothing was done yet."""
    return small_clone(tmp_path / "clone")


@pytest.fixture
def ready(first: tuple[Clone, Run], tmp_path: Path) -> Clone:
    """A clone that is set up; it was moved, which must not matter."""
    folder = tmp_path / "clone"
    shutil.copytree(
        first[0].folder, folder, symlinks=True, copy_function=copied
    )
    return Clone(folder)


def copied(source: str, target: str) -> None:
    """Copy a file; the thousand files of pip, which nobody changes, link."""
    if "pip" in Path(source).parts:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture
def start(tmp_path: Path):
    """start.py as a module, in a folder of its own."""
    shutil.copy(START, tmp_path)
    return loaded(tmp_path)


def loaded(folder: Path):
    """Return a clone's start.py as a module."""
    path = folder / "start.py"
    spec = importlib.util.spec_from_file_location("start_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Set up, and hand over


def test_first_run_installs_the_runtime_and_climbs_the_ladder(first):
    clone, run = first

    assert run.status == 0, run
    assert "Setting up .venv, once: runtime, 2 packages" in run.out
    assert "from wheelhouse/, with pip" in run.out
    assert "  speck-1.0\n" in run.out
    assert run.told["words"] == ["ladder", "--quick"]
    assert run.told["module"] == "workshop.__main__"
    assert run.told["packages"] == ["speck"]
    assert Path(run.told["venv"]) == clone.venv
    assert list((clone.folder / "workshop" / "__pycache__").glob("*.pyc"))


def test_second_run_installs_nothing(ready):
    ready.offline()
    stamp = (ready.venv / "workshop.json").stat().st_mtime_ns
    run = ready.start("list")

    assert run.status == 0, run
    assert len(run.out.splitlines()) == 1  # The telltale's own.
    assert (ready.venv / "workshop.json").stat().st_mtime_ns == stamp


def test_words_and_status_are_passed_on(ready):
    run = ready.start("ladder", "--fail", "a b", "--load=wrk")

    assert run.status == 7
    assert run.told["words"] == ["ladder", "--fail", "a b", "--load=wrk"]


def test_you_stay_in_your_folder_and_the_clone_is_the_root(ready, tmp_path):
    (tmp_path / "workshop.py").write_text("raise SystemExit('wrong one')")
    run = ready.start("list", cwd=tmp_path)

    assert run.status == 0, run
    assert Path(run.told["folder"]) == tmp_path
    assert Path(run.told["path"]) == ready.folder


def test_python_variables_do_not_lead_astray(ready, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "speck.py").write_text("VERSION = 'wrong'\n", "utf-8")
    (wrong / "pip.py").write_text("raise SystemExit('wrong')", "utf-8")
    run = ready.start(
        "docs",
        "--speck",
        PYTHONPATH=str(wrong),
        PYTHONHOME=sys.base_prefix,
        PYTHONSAFEPATH="1",
        VIRTUAL_ENV=str(wrong),
    )

    assert run.status == 0, run
    assert run.out.splitlines()[-1] == "1.0"
    assert run.told["environment"] == {
        "PYTHONHOME": None,
        "VIRTUAL_ENV": str(ready.venv),
        "WORKSHOP_INSTALLED": "1",
    }


def test_test_installs_every_group_and_runs_all_checks(ready):
    run = ready.start("test", "-k", "wire")

    assert run.status == 0, run
    assert "test + notebooks + docs, 1 packages" in run.out
    assert run.told["module"] == "workshop.suite"
    assert run.told["words"] == ["-k", "wire"]
    assert run.told["packages"] == ["mote", "speck"]


def test_verb_that_needs_more_gets_it_once(ready, tmp_path):
    docs, again = ready.start("docs", cwd=tmp_path), ready.start("docs")

    assert "Setting up .venv, once: notebooks + docs" in docs.out
    assert docs.told["packages"] == ["mote", "speck"]
    assert len(again.out.splitlines()) == 1, again


def test_release_needs_what_builds_the_site(start):
    assert start.job(["dev", "release", "--all"])[0] == [
        *("runtime", "notebooks", "docs")
    ]
    assert start.job(["dev", "check"])[0] == ["runtime"]
    assert start.job(["dev", "release", "-h"])[0] == ["runtime"]


def test_file_in_the_place_of_the_venv_is_told(fresh):
    fresh.venv.write_text("")

    assert fresh.start("list").refused(".venv is a file", "rename or delete")


def test_verb_is_told_of_the_installation_before_it_alone(first, ready):
    again = ready.start("list")

    assert first[1].told["environment"]["WORKSHOP_INSTALLED"] == "1"
    assert again.told["environment"]["WORKSHOP_INSTALLED"] is None


def test_help_needs_no_more_than_the_runtime(ready):
    run = ready.start("docs", "--help")

    assert len(run.out.splitlines()) == 1, run
    assert run.told["words"] == ["docs", "--help"]


def test_help_of_the_tests_installs_none_of_them(ready):
    run = ready.start("test", "-h")

    assert "Setting up" not in run.out
    assert run.told["words"] == ["-h"]


def test_moved_pin_is_installed(ready):
    ready.wheel("speck", "2.0")
    ready.pin("runtime", "speck==2.0")
    run = ready.start("list", "--speck")

    assert "Setting up .venv" in run.out
    assert run.out.splitlines()[-1] == "2.0"


@POSIX
def test_installation_goes_on_though_nobody_listens(ready):
    """As in `start.py list | head`: who reads it has had enough."""
    ready.wheel("speck", "2.0")
    ready.pin("runtime", "speck==2.0")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, ready.folder / "start.py", "list"],
        env=ready.environment(),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)

    assert "Traceback" not in done.stderr
    later = ready.start("list", "--speck")
    assert "Setting up" not in later.out
    assert later.out.splitlines()[-1] == "2.0"


@POSIX
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written_is_told(ready, where):
    full = "full" in where
    if full and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    ready.wheel("speck", "2.0")
    ready.pin("runtime", "speck==2.0")  # It has to speak.
    command = f'"{sys.executable}" start.py list {where}'
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ready.folder,
        env=ready.environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    said = "start.py: the output cannot be written (" if full else ""
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr
    assert done.returncode == (3 if full else 0)


@POSIX
def test_uv_installs_where_it_is_on_the_path(fresh, tmp_path):
    """A stand-in for uv writes down what it was told to do."""
    tools, order = tmp_path / "tools", tmp_path / "order.json"
    tools.mkdir()
    (tools / "uv").write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(order)!r}, 'w'))\n"
    )
    (tools / "uv").chmod(0o755)
    run = fresh.start("list", PATH=str(tools))

    assert run.status == 0, run
    assert "with uv" in run.out
    assert json.loads(order.read_text()) == [
        *("pip", "install", "--python", str(fresh.python)),
        "--compile-bytecode",
        f"-r{Path('requirements', 'runtime.txt')}",
        *("--no-index", "--find-links", str(fresh.folder / "wheelhouse")),
    ]
    # Without uv, pip is fetched from Python itself.
    (tools / "uv").unlink()
    assert fresh.start("docs").told["packages"] == ["mote"]


@pytest.mark.parametrize("status", [0, 5])
def test_where_no_process_can_become_another_it_is_awaited(
    start, first, status
):
    start.VENV = first[0].venv
    code = f"import sys; sys.exit({status})"

    assert start.hand_over(["-c", code], replace=False) == status


# Repair


def test_unfinished_venv_is_made_anew(ready):
    """As after a kill in the middle of unpacking."""
    (ready.venv / "unfinished").touch()
    shutil.rmtree(next(ready.venv.rglob("speck")))
    # From within, as in an activated .venv; Windows keeps what is running.
    python = ready.python if os.name == "posix" else sys.executable
    run = ready.start("list", "--speck", python=python)

    assert ".venv was left unfinished: making it anew." in run.out
    assert run.out.splitlines()[-1] == "1.0"
    assert not (ready.venv / "unfinished").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("", None),
        ("venv", "is not there"),
        ("python", "is broken, its Python does not start"),
        ("unfinished", "was left unfinished"),
        ("package", "has lost packages"),
        ("stamp", "was made by another Python (cpython-310)"),
        ("version", "was made by another Python (cpython-399)"),
    ],
)
def test_venv_is_made_anew_for_a_reason(ready, spoil, reason):
    start = loaded(ready.folder)
    stamp = start.read_stamp()
    groups = stamp["groups"]
    if spoil == "venv":
        shutil.rmtree(ready.venv)
    elif spoil == "python":
        ready.python.unlink()
    elif spoil == "unfinished":
        start.UNFINISHED.touch()
    elif spoil == "package":
        shutil.rmtree(next(ready.venv.rglob("speck")))
    elif spoil == "stamp":
        stamp["python"] = "cpython-310"
    elif spoil == "version":  # Where no stamp says it, its Python does.
        stamp = {}
        start.run = lambda *words: "cpython-399\n"

    assert start.flaw(stamp) == reason
    assert start.complete(stamp, groups) == (reason is None)


def test_venv_without_a_stamp_is_kept_and_completed(ready):
    (ready.venv / "workshop.json").unlink()
    (ready.venv / "mine.txt").write_text("kept", "utf-8")
    run = ready.start("list")

    assert "Setting up .venv" in run.out
    assert "anew" not in run.out
    assert (ready.venv / "mine.txt").exists()


@contextlib.contextmanager
def silent_index():
    """An index that takes a request and never answers; tells of both ends."""
    asked, left = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            self.rfile.read(1)  # Until the client goes away.
            left.set()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple", asked, left
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@POSIX
def test_interrupted_installation_ends_its_installer_and_goes_on(fresh):
    shutil.move(fresh.folder / "wheelhouse", fresh.folder / "later")
    with silent_index() as (url, asked, left):
        process = subprocess.Popen(
            [sys.executable, fresh.folder / "start.py", "list"],
            cwd=fresh.folder,
            env=fresh.environment(PIP_INDEX_URL=url, PIP_TIMEOUT="300"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert left.wait(30)
    shutil.move(fresh.folder / "later", fresh.folder / "wheelhouse")
    run = fresh.start("list")

    assert process.returncode == 130
    assert err.strip() == (
        "start.py: interrupted; run the same command again to go on."
    )
    assert run.status == 0, run
    assert run.told["packages"] == ["speck"]


# Refusals: one sentence, status 3


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 15)])
def test_wrong_python_is_told(start, capsys, version):
    status = start.main(["list"], version)
    run = Run(status, *capsys.readouterr())

    assert run.refused(
        "needs Python 3.11 to 3.14", f"this is 3.{version[1]} (", "start.py"
    )
    assert not start.VENV.exists()


@POSIX
def test_wrong_python_names_a_right_one(start, capsys, monkeypatch, tmp_path):
    for name, status in {"python3.14": 1, "python3.12": 0}.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\nexit {status}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    status = start.main([], (3, 9))
    run = Run(status, *capsys.readouterr())

    assert run.refused("run `python3.12 start.py`")


def test_old_pythons_can_read_it():
    """With what this Python knows of old ones, and with those found here."""
    ast.parse(START.read_text("utf-8"), feature_version=(3, 7))
    found = Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python")
    for python in [*found, *map(shutil.which, ("python3.9", "python3.10"))]:
        works = python and not subprocess.call(
            [python, "-c", ""], stderr=subprocess.DEVNULL
        )
        if works:
            done = subprocess.run(
                [python, START], capture_output=True, text=True, check=False
            )
            run = Run(done.returncode, done.stdout, done.stderr)
            assert run.refused("the workshop needs Python 3.11 to 3.14")


@POSIX
def test_folder_that_cannot_be_written_is_told(fresh):
    """Root may write everywhere: then .venv is a link that leads nowhere."""
    if os.geteuid() != 0:
        fresh.folder.chmod(0o500)
    else:
        fresh.venv.symlink_to("nowhere")
    run = fresh.start("list")
    fresh.folder.chmod(0o700)

    assert run.refused(
        f"{fresh.venv} cannot be made here", "a folder of your own"
    )


@pytest.mark.skipif(
    os.name != "posix", reason="needs a link, which needs rights elsewhere"
)
def test_venv_that_cannot_be_removed_is_told(ready, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(ready.venv)
    ready.venv.symlink_to(elsewhere, target_is_directory=True)
    run = ready.start("list")

    assert run.refused("cannot be removed", f"delete {ready.venv} yourself")
    assert elsewhere.is_dir()


@POSIX
def test_venv_that_breaks_in_between_is_told(ready):
    python = ready.python
    python.unlink()
    python.write_bytes(b"\x7fELF of another machine")
    python.chmod(0o755)
    run = ready.start("list")

    assert run.refused(
        ".venv is broken", f"delete the folder {ready.venv}", "run start.py"
    )


def test_no_network_and_no_wheelhouse_is_told(fresh):
    fresh.offline()
    run = fresh.start("list")

    assert run.refused(
        "no network to install from, and no folder wheelhouse/",
        "pip download -r requirements/runtime.txt -d wheelhouse",
    )
    # What was made so far is of use as soon as there is something to install.
    fresh.wheel("speck", "1.0")
    again = fresh.start("list")
    assert again.status == 0, again
    assert "anew" not in again.out


def test_what_was_installed_goes_on_working_without_network(ready):
    ready.offline()
    docs, ladder = ready.start("docs"), ready.start()

    assert docs.refused("-r requirements/notebooks.txt -r requirements/docs")
    assert ladder.status == 0, ladder
    assert len(ladder.out.splitlines()) == 1


def test_wheelhouse_that_lacks_a_package_is_told(ready):
    ready.pin("runtime", "speck==3.0")
    run = ready.start("list")

    assert run.refused(
        "wheelhouse/ lacks", "speck==3.0", "fill it with", "or remove it"
    )


def test_incomplete_clone_is_told(fresh):
    shutil.rmtree(fresh.folder / "requirements")
    run = fresh.start("list")

    assert run.refused("runtime.txt cannot be read", "complete clone")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        ("one\nERROR: the hash differs.\n", "(ERROR: the hash differs): mend"),
        ("", "(without a word)"),
        ("broken by 'NewConnectionError('", "no network to install from"),
        ("error: dns error: failed to lookup", "no network to install from"),
    ],
)
def test_failed_installation_is_told(start, output, sentence):
    assert sentence in start.explain_install(output, ["runtime"])


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ensurepip is not available.", "sudo apt install python3."),
        ("Error: [Errno 5] Input/output error", "Input/output error): mend"),
    ],
)
def test_python_that_cannot_make_a_venv_is_told(start, output, sentence):
    assert sentence in start.explain_venv(output)
