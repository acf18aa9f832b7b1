"""Write reference pages from what they describe.

Knows: the commands of the CLI, the schema of results, the experiments, the
extensions.
Does not know: mkdocs.
"""

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from workshop.bench import budgets, experiment, results
from workshop.bench.arms import is_extension
from workshop.errors import WorkshopError
from workshop.steps import ROOT, find


def cli() -> str:
    """Return a section for each command of `workshop`."""
    return "\n\n".join(
        f"## {words}\n\n```text\n{helped(words)}\n```"
        for words, _ in all_commands()
    )


def all_commands() -> list[tuple[str, Any]]:
    """Return the commands of the CLI, each with the words to call it."""
    module = importlib.import_module("workshop.cli")
    return list(commands("workshop", typer.main.get_command(module.app)))


def commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, with the words to call it."""
    inner: dict[str, Any] = getattr(command, "commands", {})
    if not inner:
        yield words, command
    for name, each in inner.items():
        if not each.hidden:
            yield from commands(f"{words} {name}", each)


def helped(words: str) -> str:
    """Return what `--help` prints."""
    module = importlib.import_module("workshop.cli")
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(
        module.app, [*words.split()[1:], "--help"], prog_name="workshop"
    )
    if shown.exit_code:
        raise WorkshopError(f"`{words} --help` fails: {shown.output}")
    return shown.output.strip()


def schema() -> str:
    """Return the fields of a result, level by level."""
    data = json.loads(results.SCHEMA.read_text("utf-8"))
    parts = ["## The result", fields(data)]
    for name, part in data["properties"].items():
        inner = object_in(part)
        if inner:
            parts += [f"## {name}", fields(inner)]
    for name, part in data["$defs"].items():
        inner = object_in(part)
        if inner:
            parts += [f"## {name} (each)", fields(inner)]
    return "\n\n".join(parts)


def object_in(part: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object with properties that a part of the schema holds."""
    for each in [part, *part.get("oneOf", [])]:
        if "properties" in each:
            found: dict[str, Any] = each
            return found
    return None


def fields(data: dict[str, Any]) -> str:
    """Return a table of the properties of an object."""
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for name, part in data["properties"].items():
        meaning = part.get("description", "").replace("|", "&#124;")
        rows.append(f"| `{name}` | {kind(part)} | {meaning} |")
    return "\n".join(rows)


def kind(part: dict[str, Any]) -> str:
    """Return the type of a property in words."""
    if "$ref" in part:
        return str(part["$ref"].rpartition("/")[2])
    if "oneOf" in part:
        return " or ".join(kind(each) for each in part["oneOf"])
    if "enum" in part:
        return ", ".join(f"`{each}`" for each in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if part.get("type") == "array":
        return f"list of {kind(part['items'])}"
    found = part["type"]
    return found if isinstance(found, str) else " or ".join(found)


def experiments() -> str:
    """Return the experiments, each with its question."""
    return "\n".join(
        f"- `{name}`: {experiment.find(name).QUESTION}"
        for name in experiment.names()
    )


def extensions() -> str:
    """Return a table of all extensions: what for, and at which price."""
    recorded = json.loads(budgets.PATH.read_text("utf-8"))["budgets"]
    rows = [
        "| extension | what it does | Python calls | bytecodes |",
        "|---|---|---:|---:|",
    ]
    for path in all_extensions():
        cost = recorded[budgets.STEPS[-1]]["beside"].get(path.stem, {})
        price = [str(cost.get(k, "-")) for k in ("python_calls", "bytecodes")]
        rows.append(
            f"| {' | '.join([linked(path), sentence(path), *price])} |"
        )
    return "\n".join(rows)


def all_extensions() -> list[Path]:
    """Return the files of all extensions, without those that help them."""
    folder = find(budgets.STEPS[-1]).folder / "extensions"
    return [p for p in sorted(folder.glob("[!_]*.py")) if is_extension(p)]


def linked(path: Path) -> str:
    """Return the name of an extension, which leads to its page."""
    page = ROOT / "docs" / "extensions" / f"{path.stem}.md"
    name = f"`{path.stem}`"
    return f"[{name}](../extensions/{page.name})" if page.is_file() else name


def sentence(path: Path) -> str:
    """Return the first sentence of a module."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def asyncio_only() -> str:
    """Return the extensions that import asyncio, and not an error alone."""
    return "\n".join(
        f"- {linked(path)}"
        for path in all_extensions()
        if "asyncio" in imports(path)
    )


def imports(path: Path) -> set[str]:
    """Return the modules that a module imports at its top.

    Who imports CancelledError alone, to let it through, starts no task.
    """
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if [alias.name for alias in node.names] != ["CancelledError"]:
                found.add(node.module or "")
    return found
