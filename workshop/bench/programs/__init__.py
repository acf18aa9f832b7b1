"""Programs that are measured: each runs as a server in its own process.

Knows: where they are.
Does not know: what they do.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
