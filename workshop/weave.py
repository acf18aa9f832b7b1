"""Weave sources and results into the pages, when mkdocs reads them.

Knows: directives in Markdown, the hooks of mkdocs.
Does not know: how code is cut, how figures are written.

A directive stands alone on its line, as a comment of HTML:

    <!-- code 03 parsing.RequestParser.feed -->    source, by its name
    <!-- diff 03 04 pico.Pico.answer -->           what changed in it
    <!-- side-by-side 03 04 -->                    all that changed
    <!-- exchange 01 GET / HTTP/1.1\r\n\r\n -->     bytes in, bytes out
    <!-- include CHANGELOG.md -->                  a file of the repository
    <!-- outcome waiting -->                       what an experiment found

and some have only a name: see `ALONE`. Figures in prose are written
`[[ladder.03.ratio]]`: see `workshop.weaving.figures`. What does not exist
ends the build with a sentence.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# mkdocs loads this file by its path, and does not look beside it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from workshop.errors import WorkshopError
from workshop.steps import ROOT
from workshop.weaving import (
    cuts,
    exchanges,
    figures,
    outcomes,
    reference,
    security,
)

DIRECTIVE = re.compile(r"^( *)<!-- ([a-z][a-z-]*)(?: (.*?))? -->$", re.M)
FIGURE = re.compile(r"\[\[([\w.+, -]+)\]\]")
# A notebook's own page brings Mermaid from outside, and MathJax without an
# address: we need neither.
OUTSIDE = re.compile(
    r'<script(?: [^>]*)? src="(?:https?:[^"]*)?"[^>]*>\s*</script>'
    r"|<script(?: [^>]*)?>(?:(?!</script>).)*?https://(?:(?!</script>).)*"
    r"</script>",
    re.S,
)

# mkdocs-jupyter 0.27 adds a MathJax from outside to every page.
MATHJAX = re.compile(r"<script data-mkdocs-jupyter-mathjax.*?</script>", re.S)

Weaver = Callable[[str], str]


def with_code(words: str) -> str:
    folder, *names = words.split()
    return cuts.code(cuts.folder_of(folder), names)


def with_diff(words: str) -> str:
    old, new, *names = words.split()
    folders = cuts.folder_of(old), cuts.folder_of(new)
    return "\n\n".join(cuts.diff(*folders, name) for name in names)


def with_sides(words: str) -> str:
    old, new = words.split()
    return cuts.side_by_side(cuts.folder_of(old), cuts.folder_of(new))


def with_exchange(words: str) -> str:
    step, _, text = words.partition(" ")
    return exchanges.exchange(step, text)


def with_file(words: str) -> str:
    path = ROOT / words
    if not path.is_file():
        raise WorkshopError(f"{words} cannot be included: there is no such.")
    return path.read_text("utf-8").strip("\n")


WITH_WORDS: Mapping[str, Weaver] = {
    "code": with_code,
    "diff": with_diff,
    "side-by-side": with_sides,
    "exchange": with_exchange,
    "include": with_file,
    "bought": figures.bought,
    "outcome": outcomes.outcome,
    "answer": outcomes.answer,
    "row-reasons": figures.reasons,
}

ALONE: Mapping[str, Callable[[], str]] = {
    "floor-plan": cuts.floor_plan,
    "ladder-table": figures.ladder_table,
    "ladder-picture": lambda: figures.picture("ladder"),
    "ladder-conditions": lambda: figures.conditions("ladder"),
    "ladder-sentences": lambda: figures.sentences("ladder"),
    "extensions-table": figures.extensions_table,
    "extensions-picture": lambda: figures.picture("extensions"),
    "extensions-conditions": lambda: figures.conditions("extensions"),
    "extensions-sentences": lambda: figures.sentences("extensions"),
    "row-cases": figures.row_cases,
    "undone-table": figures.undone_table,
    "behaviour-table": figures.behaviour_table,
    "behaviour-summary": figures.behaviour_summary,
    "cli": reference.cli,
    "schema": reference.schema,
    "bench-list": reference.experiments,
    "extension-list": reference.extensions,
    "asyncio-only": reference.asyncio_only,
    "security-table": security.table,
}


def woven(markdown: str, up: str = "") -> str:
    """Return a page with all its directives replaced.

    `up` leads from the page to the root of the site.
    """
    text = DIRECTIVE.sub(replaced, markdown)
    text = FIGURE.sub(lambda found: figures.in_prose(found[1]), text)
    note = figures.outdated(markdown)
    if note:  # Below the title, before all else.
        head, title, rest = text.partition("\n\n")
        text = f"{head}{title}{note}\n{rest}"
    return text.replace("(ROOT/", f"({up}")


def replaced(found: re.Match[str]) -> str:
    """Return what a directive stands for, indented as the directive is."""
    indent, name, words = found.groups()
    if words and name in WITH_WORDS:
        text = WITH_WORDS[name](words)
    elif not words and name in ALONE:
        text = ALONE[name]()
    else:
        known = ", ".join([*WITH_WORDS, *ALONE])
        raise WorkshopError(f"{found[0]!r} is no directive. Known: {known}.")
    return "\n".join(
        indent + line if line else "" for line in text.split("\n")
    )


# What mkdocs calls


def on_files(files: Any, config: Any) -> Any:
    """Add the notebooks, which lie outside docs/, as pages."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        name = path.relative_to(ROOT).as_posix()
        urls = config.use_directory_urls
        files.append(File(name, str(ROOT), config.site_dir, urls))
    return files


on_files.mkdocs_priority = 100  # type: ignore[attr-defined]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the directives of a page; what is wrong ends the build."""
    up = "../" * page.file.src_uri.count("/")
    try:
        return woven(markdown, up)
    except WorkshopError as error:
        raise PluginError(f"{page.file.src_uri}: {error}") from None


def on_post_page(output: str, **_: Any) -> str:
    """Name the search dialog for those who hear it; fetch no MathJax."""
    output = MATHJAX.sub("", output)
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Take out of a notebook's page what it would fetch from outside.

    Its blocks of code may be wider than the page: keys can scroll them, too.
    """
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    block = '<div class="highlight-ipynb'
    html = html.replace(block, block.replace("<div", '<div tabindex="0"'))
    return OUTSIDE.sub("", html)
