"""Say what is wrong with the position of a drone.

Knows: what a position is.
Does not know: frameworks. Those that validate by themselves do not ask it.
"""

LIMITS = {"latitude": 90, "longitude": 180, "altitude": 10_000}


def flaw(position):
    """Return a sentence, or None if it is a position."""
    if not isinstance(position, dict) or position.keys() != LIMITS.keys():
        return "A position has three figures."
    for word, limit in LIMITS.items():
        value = position[word]
        if type(value) not in (int, float) or not -limit <= value <= limit:
            return f"The {word} is no {word}."
    return None
