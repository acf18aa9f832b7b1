"""Benchmarks that asv finds: the requests that `compare` asks, too.

Knows: where the measuring code is.
Does not know: what is measured.
"""

import sys
from pathlib import Path

# asv runs them with a path of its own; the measuring code is that of this
# checkout, whichever commit is measured.
sys.path.append(str(Path(__file__).resolve().parents[3]))
