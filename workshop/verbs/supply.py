"""The verbs that supply a room: slides, wheels, a release archive.

Knows: words on the command line.
Does not know: how slides are made, what a wheel is, what an archive holds.
"""

from pathlib import Path
from typing import Annotated

import typer

from workshop.errors import PASS
from workshop.screen import say
from workshop.verbs import verb

TALK = Path("talk")


@verb("talk", "talk", "talk --open", "talk --out /tmp/slides")
def talk(
    out: Annotated[
        Path, typer.Option(help="The folder to write the slides to.")
    ] = TALK,
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

    page = slides.write(out)
    found = slides.all_slides()
    line = [slide for slide in found if not slide.below]
    seconds = sum(slide.seconds for slide in line)
    say(
        f"{len(line)} slides for {seconds} seconds, and"
        f" {len(found) - len(line)} below them: {page}"
    )
    if open_it:
        webbrowser.open(page.resolve().as_uri())
    return PASS
