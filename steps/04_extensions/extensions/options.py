"""Answer OPTIONS: Roll's name for what pico does by itself.

Knows: nothing; pico answers with the methods that a path allows.
Does not know: cross-origin requests, which are the subject of cors.
"""


def options(app):
    """Change nothing, so that a Roll application finds what it imports."""
