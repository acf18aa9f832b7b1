"""Measure what a step costs: counts, load, pairing, verdict.

Knows: which names a step's bench.py and the command line need.
Does not know: how anything is measured.

A step's bench.py declares `CASES = [Case(...), ...]`. The command line calls
`workshop.bench.experiment.run("ladder", Options(...))`, which returns an exit
status. The files to read aloud, in this order: cases, fake, counts, load,
measure, ratios.
"""

from workshop.bench.cases import DATE, Case

__all__ = ["DATE", "Case"]
