"""Find the route of a path, and the parameters in it.

Knows: patterns, paths, parameters, methods.
Does not know: bytes, sockets, asyncio.
"""

import re
from uuid import UUID

# {name}, {name:int} or {name:[0-9]{4}}: a regex may hold one pair of braces.
PLACEHOLDER = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}")

# kind: (what it matches, what converts the text, if anything)
KINDS = {
    "": (r"[^/]+", None),
    "string": (r"[^/]+", None),
    "any": (r"[^/]+", None),
    "path": (r"(?s:.+)", None),
    "digit": (r"[0-9]+", None),
    "alpha": (r"[a-zA-Z]+", None),
    "alnum": (r"[a-zA-Z0-9]+", None),
    "int": (r"-?[0-9]{1,18}", int),
    "float": (r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", float),
    "uuid": (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", UUID),
}

# In the order of specificity these come after every literal character.
END, TYPED, UNTYPED, ANY_DEPTH = "\U0010fff0\U0010fff1\U0010fff2\U0010fff3"
VAGUE = {"": UNTYPED, "string": UNTYPED, "any": UNTYPED, "path": ANY_DEPTH}


class Route:
    """One pattern of paths, the methods it allows, and its handler.

    >>> Route("/users/{id:int}", ["GET"], print).match("/users/7")
    {'id': 7}
    """

    def __init__(self, path, methods, handler, **payload):
        if isinstance(methods, str) or not all(map(str.isupper, methods)):
            raise ValueError(f"{methods!r} is no list like ['GET', 'POST'].")
        self.path = path
        self.methods = methods
        self.handler = handler
        self.payload = payload
        literal = PLACEHOLDER.split(path)[0]
        self.beginning = path if literal == path else up(literal)
        rest = PLACEHOLDER.fullmatch(path[len(self.beginning) :])
        plain = rest and VAGUE.get(rest[2] or "") == UNTYPED
        self.only = rest[1] if plain else None  # its one placeholder
        self.specificity = PLACEHOLDER.sub(_rank, path) + END
        self.regex, self.converters = _compile(path)

    def match(self, path):
        """Return the parameters in `path`, or None if it does not match."""
        found = self.regex.fullmatch(path)
        if found is None:
            return None
        parameters = found.groupdict()
        for name, convert in self.converters.items():
            parameters[name] = convert(parameters[name])
        return parameters


class Router:
    """All routes, found by method and by what they literally begin with.

    Of the routes that match, the one whose literal beginning is longer is
    the more specific one; so only those with an equal one are ordered.
    """

    def __init__(self):
        self.routes = []
        self.by_method = {}
        self.longest = 0

    def add(self, path, methods, handler, **payload):
        """Add a route; ValueError if the path cannot be understood."""
        route = Route(path, methods, handler, **payload)
        self.longest = max(self.longest, len(route.beginning))
        indexes = [self.by_method.setdefault(m, {}) for m in methods]
        lists = [index.setdefault(route.beginning, []) for index in indexes]
        for routes in [self.routes, *lists]:
            routes.append(route)
            routes.sort(key=lambda route: route.specificity)

    def match(self, method, path):
        """Return route, parameters and the methods that are allowed.

        Without a route the path is unknown if nothing is allowed either.

        >>> router = Router()
        >>> router.add("/hello/{name}", ["GET"], print)
        >>> router.match("GET", "/hello/ada")[1]
        {'name': 'ada'}
        >>> router.match("POST", "/hello/ada")
        (None, {}, {'GET'})
        """
        index = self.by_method.get(method, {})
        end = path.rfind("/", 0, self.longest) + 1
        beginning = path if path in index else path[:end]
        while beginning:
            for route in index.get(beginning, ()):
                if route.only:  # what is left must be one segment
                    value = path[len(beginning) :]
                    if value and "/" not in value:
                        return route, {route.only: value}, route.methods
                    continue
                if path == route.path == route.beginning:  # all literal
                    return route, {}, route.methods
                parameters = route.match(path)
                if parameters is not None:
                    return route, parameters, route.methods
            beginning = up(beginning[:-1])
        return None, {}, self.allowed(path)

    def allowed(self, path):
        """Return the methods of all routes that match a path."""
        allowed = set()
        for route in self.routes:
            if route.match(path) is not None:
                allowed.update(route.methods)
        return allowed


def up(path):
    """Return what a path begins with, up to its last slash.

    >>> up("/users/7"), up("/users/")
    ('/users/', '/users/')
    """
    return path[: path.rfind("/") + 1]


def _rank(placeholder):
    """Return the character that stands for a placeholder in the order."""
    return VAGUE.get(placeholder[2] or "", TYPED)


def _compile(path):
    """Return the regex of a path, and a converter for each parameter."""
    literals = PLACEHOLDER.split(path)[::3]
    if not path.startswith("/") or re.search("[{}]", "".join(literals)):
        raise ValueError(
            f"{path!r} is no route: it must start with a slash, and a"
            " placeholder looks like {name} or {name:int}."
        )
    regex, converters = re.escape(literals[0]), {}
    placeholders = PLACEHOLDER.findall(path)
    for (name, kind), literal in zip(placeholders, literals[1:], strict=True):
        pattern, convert = KINDS.get(kind, (kind, None))
        regex += f"(?P<{name}>{pattern})" + re.escape(literal)
        if convert:
            converters[name] = convert
    try:
        return re.compile(regex), converters
    except re.error as error:
        raise ValueError(f"{path!r} is no route: {error}.") from error
