"""The notebooks show what the steps do today, and copy none of them."""

import ast
import configparser
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from workshop.errors import FAIL, WorkshopError
from workshop.steps import ROOT, all_steps, rooms

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbval")

from workshop import notebooks  # noqa: E402 (it needs nbformat)

PATHS = notebooks.all_paths()
SANITIZE = notebooks.NOTEBOOKS / "sanitize.cfg"
IGNORED = "nbval-ignore-output"
LONG = 30  # characters; a shorter line can be alike by chance

# What a page may not keep: folders of a machine, addresses, dates.
PRIVATE = re.compile(
    r"/work/|/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\|site-packages"
    r"|(?:127\.0\.0\.1|localhost|::1\]?):\d+|\b0x[0-9a-fA-F]{6,}"
    r"|\d\d:\d\d:\d\d|\b20\d\d-\d\d-\d\d"
)

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cells(path, kind="code"):
    """Return the cells of one kind."""
    found = nbformat.read(path, as_version=4).cells
    return [cell for cell in found if cell.cell_type == kind]


def texts(cell):
    """Return all texts that a cell has put out; pictures are none."""
    for output in cell.outputs:
        yield output.get("text", "")
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield content


def parsed(cell):
    """Return the syntax tree of a cell, which may await."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(cell.source, "cell", "exec", flags)


def room_sources():
    """Return the sources of all rooms and extensions of all steps."""
    for step in all_steps():
        extensions = (step.folder / "extensions").glob("[!_]*.py")
        for path in [*rooms(step.folder), *extensions]:
            yield path.read_text("utf-8")


def defined(tree):
    """Return the names of the classes and functions that are defined."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def of_rooms(tree):
    """Return what a room defines at its top, and what its classes do."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_each_step_has_its_notebook():
    assert [path.stem for path in PATHS] == [s.name for s in all_steps()]


@pytest.fixture(scope="module")
def executed():
    """Return what nbval says of all notebooks: it takes long to start."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "--tb=short"),
            *("--nbval", "--nbval-current-env", "--nbval-cell-timeout=30"),
            *("-p", "no:cacheprovider", "--color=no"),
            f"--nbval-sanitize-with={SANITIZE.relative_to(ROOT).as_posix()}",
            *(path.relative_to(ROOT).as_posix() for path in PATHS),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.stdout


@each
def test_notebook_executes_and_puts_out_what_is_committed(path, executed):
    passed = re.findall(rf"{path.stem}::.* PASSED", executed)

    assert len(passed) == len(cells(path)), (
        f"{path.name}: if what it puts out now is right,"
        f" `python -m workshop.notebooks {path.stem[:2]}` keeps it."
        f"\n{executed}"
    )


@each
def test_notebook_was_executed_from_its_first_cell_to_its_last(path):
    counts = [cell.execution_count for cell in cells(path)]

    assert counts == list(range(1, len(counts) + 1))


@each
def test_notebook_has_an_output_below_each_cell(path):
    silent = [c.source for c in cells(path) if not any(texts(c))]

    assert silent == []


@each
def test_notebook_compares_outputs_unless_they_are_drawn_or_timed(path):
    ignored = [
        cell.execution_count
        for cell in cells(path)
        if IGNORED in cell.metadata.get("tags", [])
    ]

    assert len(ignored) == (2 if path.stem == "05_benchmarks" else 0)
    assert not any("NBVAL" in cell.source for cell in cells(path))


@each
def test_notebook_tells_nothing_of_the_machine_that_executed_it(path):
    found = [
        match[0]
        for cell in cells(path)
        for text in [cell.source, *texts(cell)]
        for match in PRIVATE.finditer(text)
        if match[0] not in ("127.0.0.1:0",)
    ]

    assert found == []


@each
def test_notebook_puts_out_neither_errors_nor_warnings(path):
    kinds = {
        output.get("name", output.output_type)
        for cell in cells(path)
        for output in cell.outputs
    }

    assert kinds <= {"stdout", "execute_result", "display_data"}


@each
def test_notebook_keeps_no_metadata_that_changes(path):
    notebook = nbformat.read(path, as_version=4)
    ids = [f"cell-{n:02}" for n in range(1, len(notebook.cells) + 1)]

    assert notebook.metadata == notebooks.METADATA
    assert [cell.id for cell in notebook.cells] == ids
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert b"\r" not in path.read_bytes()


@each
def test_notebook_is_short_and_says_what_each_cell_is_for(path):
    notebook = nbformat.read(path, as_version=4)
    kinds = [cell.cell_type for cell in notebook.cells]

    assert 6 <= kinds.count("code") <= 12
    assert kinds[0] == "markdown"
    assert ("code", "code") not in pairwise(kinds)


@each
def test_notebook_defines_nothing_that_a_room_defines(path):
    known = set().union(*(of_rooms(ast.parse(s)) for s in room_sources()))
    own = set().union(*(defined(parsed(cell)) for cell in cells(path)))

    assert own & known == set()


@each
def test_notebook_holds_no_line_of_a_room(path):
    known = {
        line.strip()
        for source in room_sources()
        for line in source.splitlines()
        if len(line.strip()) >= LONG
    }
    own = {
        line.strip()
        for cell in cells(path)
        for line in cell.source.splitlines()
    }

    assert own & known == set()


@each
def test_notebook_loads_rooms_by_the_one_loader(path):
    trees = [parsed(cell) for cell in cells(path)]
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    names = {p.stem for s in all_steps() for p in rooms(s.folder)}

    assert {name.split(".")[0] for name in imported} & names == set()


def test_sanitize_file_is_ascii_and_its_patterns_are_patterns():
    sections = configparser.ConfigParser(interpolation=None)
    sections.read_string(SANITIZE.read_bytes().decode("ascii"))

    assert sections.sections()
    for section in sections.sections():
        assert set(sections[section]) == {"regex", "replace"}
        re.compile(sections[section]["regex"])


# The command that executes them again


def written(path: Path, *sources: str) -> Path:
    """Write a notebook with these cells, never executed."""
    new = nbformat.v4
    made = new.new_notebook(cells=[new.new_code_cell(s) for s in sources])
    nbformat.write(made, path)
    return path


def test_execute_keeps_outputs_and_nothing_that_changes(tmp_path):
    cell = "import sys\nfor n in range(3):\n    print(n, flush=True)"
    path = written(tmp_path / "a.ipynb", cell)

    notebooks.execute(path)
    first = path.read_bytes()
    notebooks.execute(path)

    assert path.read_bytes() == first
    (kept,) = cells(path)
    assert [output.text for output in kept.outputs] == ["0\n1\n2\n"]
    assert kept.execution_count == 1


def test_execute_names_the_cell_that_fails_and_writes_nothing(tmp_path):
    path = written(tmp_path / "a.ipynb", "print(1)", "1 / 0", "print(3)")
    before = path.read_bytes()

    with pytest.raises(WorkshopError) as caught:
        notebooks.execute(path)

    assert caught.value.status == FAIL
    assert str(caught.value) == (
        "a.ipynb stays as it was, its code cell 2 failed:"
        " ZeroDivisionError: division by zero\n\n1 / 0"
    )
    assert path.read_bytes() == before


def test_unknown_notebook_is_one_sentence(capsys):
    status = notebooks.main(["09"])

    assert status == 2
    assert capsys.readouterr().err.startswith("There is no step '09'")
