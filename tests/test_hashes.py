"""The hash of sources: that of what is executed, and of nothing else."""

import ast
import io
import tokenize

import pytest

from workshop.hashes import executed, sources
from workshop.steps import STEPS

QUIET = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}
QUIET |= {tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FILES = sorted(STEPS.rglob("*.py"))
BARE = 'def f():\n    return "# a"\n'


def test_sources_hash_changes_with_the_program_and_not_with_its_tests(
    tmp_path,
):
    (tmp_path / "pico.py").write_bytes(b"a = 1\n")
    before = sources(tmp_path)
    (tmp_path / "pico.py").write_bytes(b"a = 1\r\n")
    (tmp_path / "test_pico.py").write_bytes(b"a = 2\n")
    same = sources(tmp_path)
    (tmp_path / "pico.py").write_bytes(b"a = 2\n")

    assert (before == same, before == sources(tmp_path)) == (True, False)


@pytest.mark.parametrize(
    "source",
    [
        BARE,
        '"""A room."""\n\n# Why.\n\n' + BARE,
        'def f():  # why\n    """Return a.\n\n    # b\n    """\n'
        '    return "# a"  # why\n',
    ],
)
def test_sources_hash_does_not_change_with_what_is_not_executed(
    tmp_path, source
):
    (tmp_path / "pico.py").write_text(BARE)
    before = sources(tmp_path)
    (tmp_path / "pico.py").write_text(source)

    assert sources(tmp_path) == before


@pytest.mark.parametrize(
    "source",
    [
        BARE.replace("# a", "# b"),  # no comment: it is in a string
        BARE.replace('"# a"', '"""\n\n"""'),
        BARE.replace('"# a"', '"""\n"""'),
        'def f():\n    "a"\n    return\n',
        "def f(:  # no program yet\n",
        "def f(  # nor is this\n",
    ],
)
def test_sources_hash_changes_with_what_is_executed(tmp_path, source):
    (tmp_path / "pico.py").write_text(BARE)
    seen = {sources(tmp_path)}
    (tmp_path / "pico.py").write_text(source)
    seen.add(sources(tmp_path))
    (tmp_path / "pico.py").write_text(source.replace("f", "g"))

    assert len({*seen, sources(tmp_path)}) == 3


def words(source):
    """Return the tokens of a program, but neither comments nor line ends."""
    read = io.StringIO(source).readline
    return [t for t in tokenize.generate_tokens(read) if t.type not in QUIET]


def starts(tree):
    """Return where docstrings start: row and column."""
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    return {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and ast.get_docstring(node) is not None
    }


ODD = {
    "quotes": "x = 'a # b', \"c # d\", '\\'#', r'\\d'  # e\n",
    "lines": 'x = """a\n\n  # b\n"""\n',
    "in_one_line": 'def f(): "Doc."\nclass A: "Doc."; x = 1\n',
    "else": "if x:\n    y\nelse:\n    def f():\n        'Doc.'\n        z\n",
    "semicolon": "def f():\n    'Doc.'; x = 1\n",
}


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(STEPS).as_posix()
)
def test_nothing_that_is_executed_is_left_out_of_a_hash(path):
    assert_same(path.read_text("utf-8"))


@pytest.mark.parametrize("source", ODD.values(), ids=ODD)
def test_odd_program_keeps_what_is_executed(source):
    assert_same(source)


def assert_same(source):
    """The words are the same, but for docstrings with lines of their own."""
    lines = source.split("\n")
    without = {
        (row, column)
        for row, column in starts(ast.parse(source))
        if not lines[row - 1][:column].strip()
        and not lines[row - 1].endswith("; x = 1")
    }

    assert [word.string for word in words(executed(source))] == [
        word.string for word in words(source) if word.start not in without
    ]
