"""Find a route with one regular expression, compiled from all of them.

Knows: routing.
Does not know: handlers; bytes, sockets.
"""

import re

from pico import Pico
from routing import Router


class CompiledRouter(Router):
    """A router whose routes of one method are one expression.

    Each route is a group, the more specific first; the group that is closed
    last is the one that has matched.
    """

    def __init__(self):
        super().__init__()
        self.compiled = {}

    def add(self, path, methods, handler, **payload):
        super().add(path, methods, handler, **payload)
        self.compiled.clear()  # It is made again when it is asked for.

    def match(self, method, path):
        routes, regex = self.compiled.get(method) or self.compile(method)
        found = regex.fullmatch(path)
        if not found:  # What is allowed instead need not be fast.
            return super().match(method, path)
        first, route = found.lastindex, routes[found.lastgroup]
        places = route.regex.groupindex.items()
        parameters = {name: found[first + place] for name, place in places}
        for name, convert in route.converters.items():
            parameters[name] = convert(parameters[name])
        return route, parameters, route.methods

    def compile(self, method):
        """Return the routes of a method, by group, and their expression."""
        asked = [route for route in self.routes if method in route.methods]
        routes = {f"r{place}": route for place, route in enumerate(asked)}
        groups = [f"(?P<{r}>{unnamed(routes[r])})" for r in routes]
        # Without a route, what matches nothing.
        regex = re.compile("|".join(groups) or "(?!)")
        self.compiled[method] = routes, regex
        return routes, regex


def unnamed(route):
    """Return the regex of a route; two may give a parameter one name."""
    pattern = route.regex.pattern
    for name in route.regex.groupindex:
        pattern = pattern.replace(f"(?P<{name}>", "(")
    return pattern


class MyPico(Pico):
    """An application with a compiled router."""

    Router = CompiledRouter
