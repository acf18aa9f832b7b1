"""Convert what a handler names in its signature, and nothing else.

Knows: app, request; annotations, types.
Does not know: the connection; what a value is for.
"""

import inspect
import re
from functools import wraps
from types import SimpleNamespace
from typing import get_type_hints

from messages import HttpError

try:
    import msgspec
    from msgspec import inspect as types
except ImportError as error:
    raise ImportError(
        "annotations needs msgspec: pip install msgspec"
    ) from error

JSON = "application/json"
IS_JSON = re.compile(r"application/(?:json|[^/]+\+json)")
MANY = (types.ListType, types.SetType, types.FrozenSetType, types.VarTupleType)
OBJECTS = (types.StructType, types.DataclassType, types.TypedDictType)
OBJECTS += (types.DictType,)


class Place:
    """Where an argument comes from: `Annotated[str, header("x-token")]`."""

    def __init__(self, place, name=None):
        self.place, self.name = place, name


def header(name=None):
    """Take an argument from a field: `x_token` from `x-token`."""
    return Place("header", name)


def cookie(name=None):
    return Place("cookie", name)


def query(name=None):
    return Place("query", name)


def content():
    """Take an argument from the content, which is JSON."""
    return Place("content")


def annotations(app):
    """Let handlers of later routes say what they need, and of which type.

    `async def hello(request, response, name: str, page: int = 1)`: what the
    path names is taken from it, objects from the content, the rest from the
    query. What does not fit is answered with a 422 that says where.
    """
    adapt = app.protocols["http"]
    app.protocols["http"] = lambda view: adapt(converting(view))


def converting(view):
    """Return a handler that converts, or the view itself if none is needed."""
    arguments = arguments_of(view)
    if not arguments:
        return view

    @wraps(view)
    async def handler(request, response, **parameters):
        errors = []
        for argument in arguments:
            try:
                await argument.convert(request, parameters)
            except Unfit as error:
                errors.append(error.args[0])
        if errors:
            message = msgspec.json.encode({"errors": errors}).decode()
            raise HttpError(422, message, {"content-type": JSON})
        result = view(request, response, **parameters)
        if hasattr(result, "__await__"):
            await result

    return handler


def arguments_of(view):
    """Return the annotated parameters after request and response."""
    if not getattr(view, "__annotations__", None):
        return []
    behind = list(inspect.signature(view).parameters.values())[2:]
    named = [p for p in behind if p.kind is not p.VAR_KEYWORD]
    own = [p for p in named if p.annotation is not p.empty]
    # The others may have types that only a type checker imports.
    kinds = {p.name: p.annotation for p in own}
    part = SimpleNamespace(__annotations__=kinds, __wrapped__=view)
    hints = get_type_hints(part, include_extras=True)
    return [Argument(p.name, hints[p.name], p.default) for p in own]


class Unfit(Exception):
    """A value is missing, or of the wrong type."""


class Argument:
    """One parameter of a handler: its type, its default, its place."""

    def __init__(self, name, kind, default):
        self.name, self.kind, self.default = name, kind, default
        self.decode = msgspec.json.Decoder(kind).decode
        info = types.type_info(kind)
        info = info.type if isinstance(info, types.Metadata) else info
        kinds = getattr(info, "types", (info,))  # of a union
        if any(isinstance(each, types.CustomType) for each in kinds):
            raise TypeError(f"{name!r} cannot be converted to {kind}.")
        self.many = any(isinstance(each, MANY) for each in kinds)
        items = [getattr(each, "item_type", each) for each in kinds]
        an_object = any(isinstance(each, OBJECTS) for each in items)
        place = content() if an_object else query()
        for mark in getattr(kind, "__metadata__", ()):
            place = mark if isinstance(mark, Place) else place
        self.place = place.place
        dashed = name.replace("_", "-") if self.place == "header" else name
        self.key = place.name or dashed

    async def convert(self, request, parameters):
        """Put the value among the parameters, or raise Unfit."""
        place = "path" if self.name in parameters else self.place
        try:
            value = await self.value(place, request, parameters)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at ")
            raise Unfit(self.fault(place, message, path)) from error
        if value is inspect.Parameter.empty:
            raise Unfit(self.fault(place, "It is missing", ""))
        parameters[self.name] = value

    async def value(self, place, request, parameters):
        """Return the value, converted, or the default if there is none."""
        if place == "content":
            return await self.decoded(request)
        given = parameters.get(self.name)
        if place == "query":
            given = request.query.list(self.key, None)
            given = given if self.many or not given else given[0]
        elif place in ("header", "cookie"):
            given = getattr(request, f"{place}s").get(self.key)
        if given is None:
            return self.default
        return msgspec.convert(given, self.kind, strict=False)

    async def decoded(self, request):
        """Return the content, which must say that it is JSON: a page of
        another site can send text without asking (fetch.spec.whatwg.org).
        """
        if request.content is None:
            await request.load_body()
        if not request.body:
            return self.default
        if not IS_JSON.fullmatch(request.content_type):
            raise HttpError(415, f"The content is not {JSON}.")
        try:
            return self.decode(request.body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise HttpError(400, "The content is no JSON.") from error

    def fault(self, place, message, path):
        fault = {"in": place, "name": self.key, "message": message}
        return fault | ({"at": path.strip("`")} if path else {})
