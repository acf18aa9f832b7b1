"""Write reference pages from what they describe.

Knows: the commands of the CLI, the schema of results, the experiments.
Does not know: mkdocs.
"""

import importlib
import json
from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from workshop.bench import experiment, results
from workshop.errors import WorkshopError


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
