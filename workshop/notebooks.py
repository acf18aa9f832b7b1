"""Execute the notebooks again and keep what they print.

Knows: notebooks/*.ipynb, the kernel of this Python, what must not be kept.
Does not know: what a cell says.

    python -m workshop.notebooks          all of them
    python -m workshop.notebooks 03 05    some of them

Kept are outputs; not kept are times, the version of Python, and anything else
that changes from run to run: `git diff` then shows what a change of the steps
changed on the pages. A cell that fails is named, and its notebook stays as it
was.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from workshop.errors import FAIL, PASS, WorkshopError
from workshop.steps import ROOT, find

NOTEBOOKS = ROOT / "notebooks"
PATIENCE = 30  # seconds for a cell, as in the tests

METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def path_of(word: str) -> Path:
    """Return the notebook of a step."""
    return NOTEBOOKS / f"{find(word).name}.ipynb"


def all_paths() -> list[Path]:
    """Return the notebooks in their order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def execute(path: Path) -> None:
    """Execute a notebook in a new kernel and write it, with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    client = NotebookClient(
        notebook,
        timeout=PATIENCE,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}"
        raise failure(path, notebook, reason) from None
    except CellTimeoutError:
        raise failure(path, notebook, f"no end in {PATIENCE} s") from None
    tidy(notebook)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook)
    path.write_text(text.rstrip("\n") + "\n", "utf-8", newline="\n")


def failure(path: Path, notebook: Any, reason: str) -> WorkshopError:
    """Return the error that names the last cell that was executed."""
    begun = [cell for cell in notebook.cells if cell.get("execution_count")]
    source = begun[-1].source if begun else ""
    return WorkshopError(
        f"{path.name} stays as it was, its code cell {len(begun)} failed:"
        f" {reason}\n\n{source}",
        FAIL,
    )


def tidy(notebook: Any) -> None:
    """Take out what changes from run to run; number the cells."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = merged(cell.outputs)


def merged(outputs: list[Any]) -> list[Any]:
    """Join texts of one stream: how they were cut depends on the moment."""
    kept: list[Any] = []
    for output in outputs:
        last = kept[-1] if kept else None
        stream = output.output_type == "stream"
        if stream and last and last.get("name") == output.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


def main(words: list[str]) -> int:
    """Execute the notebooks of these steps, or all."""
    try:
        for path in [path_of(word) for word in words] or all_paths():
            print(path.relative_to(ROOT), flush=True)
            execute(path)
    except WorkshopError as error:
        print(error, file=sys.stderr)
        return error.status
    return PASS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
