"""Refuse clients that cannot take what a route sends (RFC 9110, 12.5.1).

Knows: request, response, routes; media types.
Does not know: the connection; how a handler makes what it sends.
"""

import re

from messages import HttpError

WEIGHT = re.compile(r"\s*q\s*=\s*(0(\.\d{0,3})?|1(\.0{0,3})?)\s*", re.I)


def content_negotiation(app):
    """Answer 406 where Accept rules out all that a route sends.

    `@app.route(path, accepts=["application/json", "text/html"])` lists it,
    the preferred first; the handler finds the choice in
    `request["accepted"]`.
    """

    @app.listen("headers")
    def negotiate(request, response):
        if request.route is None:
            return
        offers = request.route.payload.get("accepts")
        if not offers:
            return
        if isinstance(offers, str):
            offers = [offers]
        response.headers["vary"] = "Accept"
        accept = request.headers.get("accept", "")
        request["accepted"] = best(offers, accept)


def best(offers, accept):
    """Return the offer that weighs most, or refuse with 406.

    >>> best(["text/html", "text/plain"], "text/*;q=0.5, text/plain")
    'text/plain'
    """
    ranges = parse(accept)
    weights = [weight_of(offer.lower(), ranges) for offer in offers]
    heaviest = max(weights)
    if not heaviest:
        message = f"Here is only {', '.join(offers)}."
        raise HttpError(406, message, {"vary": "Accept"})
    return offers[weights.index(heaviest)]


def parse(accept):
    """Return the weight of each media range; none at all means any type.

    >>> parse("text/html;level=1;q=0.3, */*")
    {'text/html;level=1': 0.3, '*/*': 1.0}
    """
    ranges = {}
    for each in accept.lower().split(","):
        kind, *parameters = each.split(";")
        weight = 1.0
        if parameters and (found := WEIGHT.fullmatch(parameters[-1])):
            weight = float(found[1])
            parameters.pop()
        kind = ";".join(part.strip() for part in (kind, *parameters))
        if kind:
            ranges[kind] = weight
    return ranges or {"*/*": 1.0}


def weight_of(offer, ranges):
    """Return the weight of the range that is nearest to an offer."""
    offer = ";".join(part.strip() for part in offer.split(";"))
    kind = offer.partition(";")[0]
    every = kind.partition("/")[0] + "/*"
    for each in (offer, kind, every, "*/*"):
        if each in ranges:
            return ranges[each]
    return 0
