"""What becomes of a file that two sides have changed."""

import random

import pytest

from workshop.merge import BETWEEN, MINE, THEIRS, merge


def sides(lines):
    """Return both sides of a merge, with what they share."""
    mine, theirs, both = [], [], (True, True)
    marks = {MINE: (True, False), BETWEEN: (False, True), THEIRS: (True, True)}
    for line in lines:
        if line in marks:
            both = marks[line]
            continue
        mine += [line] * both[0]
        theirs += [line] * both[1]
    return mine, theirs


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        ("abc", "abc", "abc", "abc"),
        ("abc", "Abc", "abc", "Abc"),
        ("abc", "abc", "abC", "abC"),
        ("abc", "Abc", "abC", "AbC"),
        ("abc", "xabc", "abcy", "xabcy"),
        ("abc", "ac", "abcd", "acd"),
        ("abc", "aXc", "aXc", "aXc"),
        ("abc", "", "abc", ""),
        ("", "", "abc", "abc"),
        ("", "abc", "abc", "abc"),
        ("abcdef", "aXcdef", "abcdXf", "aXcdXf"),
    ],
)
def test_merge_takes_what_one_side_changed(base, mine, theirs, expected):
    merged = merge(base, mine, theirs)

    assert ("".join(merged.lines), merged.conflicts) == (expected, [])


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected", "where"),
    [
        ("abc", "aXc", "aYc", "a<X=Y>c", [2]),
        ("abc", "ac", "aYc", "a<=Y>c", [2]),
        ("abc", "abcX", "abcY", "abc<X=Y>", [4]),
        ("", "X", "Y", "<X=Y>", [1]),
        ("abcdefg", "Xbcdefg", "Ybcdefg", "<X=Y>bcdefg", [1]),
        # What both wrote alike is not part of the conflict.
        ("", "headXtail", "headYtail", "head<X=Y>tail", [5]),
        # Two lines in between are not worth parting it.
        ("", "sXabUe", "sYabVe", "s<XabU=YabV>e", [2]),
        ("", "sXabcUe", "sYabcVe", "s<X=Y>abc<U=V>e", [2, 10]),
    ],
)
def test_merge_keeps_both_sides_of_a_conflict(
    base, mine, theirs, expected, where
):
    marks = {MINE: "<", BETWEEN: "=", THEIRS: ">"}

    merged = merge(base, mine, theirs)

    said = "".join(marks.get(line, line) for line in merged.lines)
    assert (said, merged.conflicts) == (expected, where)


@pytest.mark.parametrize("seed", range(20))
def test_merge_loses_no_line_whatever_was_changed(seed):
    chance = random.Random(seed)

    def changed(lines):
        made = [*lines]
        for _ in range(chance.randrange(4)):
            at, gone = chance.randrange(len(made) + 1), chance.randrange(3)
            made[at : at + gone] = chance.choices("xyz", k=gone)
            made.insert(at, chance.choice("abuvw"))
        return made

    for _ in range(50):
        base = chance.choices("abcdef", k=chance.randrange(12))
        mine, theirs = changed(base), changed(base)

        assert merge(base, base, theirs).lines == theirs
        assert merge(base, mine, base).lines == mine
        assert merge(base, mine, mine).lines == mine
        if mine and theirs:
            assert sides(merge([], mine, theirs).lines) == (mine, theirs)
        merged = merge(base, mine, theirs)
        found = [merged.lines[line - 1] for line in merged.conflicts]
        assert found == [MINE] * merged.lines.count(MINE)
