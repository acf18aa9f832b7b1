"""The reference lists all extensions, with what they are and cost."""

import re

from workshop import weave
from workshop.steps import ROOT, find
from workshop.weaving import reference

PAGE = ROOT / "docs" / "reference" / "extensions.md"


def names_in(text, pattern):
    return re.findall(pattern, text, re.MULTILINE)


def test_page_lists_every_extension_with_its_sentence():
    page = weave.woven(PAGE.read_text("utf-8"))
    rows = names_in(page, r"^\| \[?`(\w+)`.*\| (.+\.) \| [\d-]+ \| [\d-]+ \|$")
    folder = find("05").folder / "extensions"

    for name, sentence in rows:
        source = (folder / f"{name}.py").read_text("utf-8")
        assert source.replace("\n", " ").startswith(f'"""{sentence}')
    assert [name for name, _ in rows] == [
        path.stem for path in reference.all_extensions()
    ]


def test_page_lists_extensions_that_use_asyncio_and_no_other():
    listed = names_in(reference.asyncio_only(), r"^- \[?`(\w+)`")

    assert {"static", "logger"} <= {*listed}
    assert not {"cors", "sessions", "named_url"} & {*listed}
    assert "asgi" not in listed  # An app runs on trio by way of it.


def test_both_ways_of_importing_are_seen(tmp_path):
    path = tmp_path / "extension.py"
    path.write_text("import asyncio\nfrom json import dumps\n", "utf-8")

    assert reference.imports(path) == {"asyncio", "json"}
