"""The tools of the workshop: command line, test harness, benchmark engine.

Knows: steps as data, clocks, statistics, screens.
Does not know: the inside of any room.
"""
