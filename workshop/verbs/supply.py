"""The verbs that supply a room: slides, wheels, a release archive.

Knows: words on the command line.
Does not know: how slides are made, what a wheel is, what an archive holds.
"""

from pathlib import Path
from typing import Annotated

import typer

from workshop.errors import FAIL, PASS
from workshop.screen import complain, console, say, table
from workshop.verbs import START, dev, need, verb

MB = 1_000_000


def near(path: Path) -> Path:
    """Return a path as it is written from the folder that we are in."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@verb("talk", "talk", "talk --open", "talk --out /tmp/slides")
def talk(
    out: Annotated[
        Path | None, typer.Option(help="Another folder than talk/.")
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Open them in the browser.")
    ] = False,
) -> int:
    """Write the slides of the talk: ten minutes, from the tested source.

    They need no network and no server. Right arrow goes on, down arrow shows
    what hangs below a slide, S opens the speaker's view with notes and pace.
    """
    import webbrowser

    from workshop import talk as slides

    page = slides.write(out or slides.FOLDER)
    found = slides.all_slides()
    line = [slide for slide in found if not slide.below]
    seconds = sum(slide.seconds for slide in line)
    say(
        f"{len(line)} slides for {seconds} seconds, and"
        f" {len(found) - len(line)} below them: {near(page)}"
    )
    if open_it:
        webbrowser.open(page.resolve().as_uri())
    return PASS


@verb(
    "wheelhouse",
    "wheelhouse",
    "wheelhouse --all",
    "wheelhouse --all --check",
    "wheelhouse --tests",
)
def wheelhouse(
    every: Annotated[
        bool, typer.Option("--all", help="For Linux, macOS and Windows.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is missing.")
    ] = False,
    tests: Annotated[
        bool, typer.Option("--tests", help="Also what `test` and docs need.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Another folder than wheelhouse/.")
    ] = None,
) -> int:
    """Fill a folder with what attendees need without a network.

    The wheels are for this system with Python 3.11 to 3.14, or for all
    systems. It can be interrupted, and run again: it keeps what is there.
    """
    from workshop import pins
    from workshop import wheelhouse as house

    folder = out or house.FOLDER
    groups = pins.GROUPS if tests else house.RUNTIME
    targets = house.every_system() if every else house.this_system()
    if check:
        return checked(folder, house.problems(targets, groups, folder))
    missing = house.fill(targets, groups, folder, say)
    say(summary(folder))
    say(
        "Attendees copy the folder beside start.py, under the name"
        f" wheelhouse; then `{START}` installs from it, without a network."
    )
    for name in missing:
        complain(f"No wheel of {name}: attendees there need a network.")
    return FAIL if missing else PASS


def checked(folder: Path, problems: list[str]) -> int:
    """Say what is wrong with a folder of wheels; return the exit status."""
    for problem in problems:
        complain(problem)
    if not problems:
        say(summary(folder) + " Nothing is missing.")
    return FAIL if problems else PASS


def summary(folder: Path) -> str:
    """Return how many wheels a folder has, and how large they are."""
    sizes = [path.stat().st_size for path in folder.glob("*.whl")]
    return f"{near(folder)}: {len(sizes)} wheels, {sum(sizes) / MB:.1f} MB."


@verb(
    "release",
    "dev release",
    "dev release --all",
    "dev release --out /tmp",
    at=dev,
)
def release(
    out: Annotated[
        Path | None, typer.Option(help="Another folder than release/.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Wheels for Linux, macOS and Windows."),
    ] = False,
) -> int:
    """Build an archive of all that a room without a network needs.

    Sources, wheels, patches, slides and the site, of the commit that is
    checked out; missing wheels are fetched first.
    """
    need("mkdocs")
    from workshop import release as making
    from workshop import wheelhouse as house

    targets = house.every_system() if every else house.this_system()
    making.committed()
    for name in house.fill(targets, house.RUNTIME, house.FOLDER, say):
        complain(f"No wheel of {name}.")
    built = making.build(out or making.FOLDER, targets)
    made = table("part", ">files", ">MB")
    for part, (count, size) in built.parts.items():
        made.add_row(part, str(count), f"{size / MB:.1f}")
    console().print(made)
    say(f"{near(built.path)}: {built.path.stat().st_size / MB:.1f} MB")
    say(f"SHA-256: {built.digest}")
    say(f"Unpacked anywhere, `{START} list` in it works without a network.")
    return PASS
