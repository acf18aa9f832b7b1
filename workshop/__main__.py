"""Run the command line: `python -m workshop VERB`.

Knows: where it begins.
Does not know: verbs.
"""

import sys

from workshop.cli import main

if __name__ == "__main__":
    sys.exit(main())
