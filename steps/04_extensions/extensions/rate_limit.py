"""Let a client ask only so often: a bucket of tokens for each address.

Knows: request; addresses of clients and of proxies, a clock.
Does not know: the connection, but for its address; who a client is.
"""

import math
import time
from collections import OrderedDict
from ipaddress import ip_address, ip_network

from messages import HttpError

SLACK = 1e-6  # seconds that sums of floats may lose


def rate_limit(
    app, limit=100, per=60, proxies=(), clock=time.monotonic, clients=100_000
):
    """Answer 429 to whoever asks more than `limit` times in `per` seconds.

    X-Forwarded-For counts only if it comes from one of `proxies`: addresses
    or networks, or "unix" for a peer without an address. No more than
    `clients` buckets are kept; the one unused for longest goes first.
    """
    if limit < 1 or per <= 0 or clients < 1:
        raise ValueError(
            "A limit is at least one request of one client in some seconds:"
            f" it cannot be {limit=}, {per=}, {clients=}."
        )
    refill, buckets = per / limit, OrderedDict()
    client_of = Proxies(proxies).client

    @app.listen("headers")
    def count(request, response):
        client, now = client_of(request), clock()
        # A bucket is the time at which it will be full again.
        full = max(buckets.get(client, now), now) + refill
        wait = full - now - per
        if wait > SLACK:
            fields = {"retry-after": math.ceil(wait - SLACK)}
            raise HttpError(429, headers=fields)
        buckets[client] = full
        buckets.move_to_end(client)
        if len(buckets) > clients:
            buckets.popitem(last=False)


class Proxies:
    """The peers that we believe when they say for whom they ask."""

    def __init__(self, proxies):
        proxies = [proxies] if isinstance(proxies, str) else proxies
        self.unix = "unix" in proxies
        self.networks = [ip_network(each) for each in {*proxies} - {"unix"}]
        self.some = bool(proxies)

    def client(self, request):
        """Return the address of the client, or its network for IPv6."""
        peer = request.source and request.source.peer
        address = peer[0] if peer else "unix"
        try:
            if self.some:
                chain = request.headers.get("x-forwarded-for", "")
                address = self.forwarded(address, chain.split(","))
            return network(address) if ":" in address else address
        except ValueError:  # a name, as another server may give us
            return address

    def forwarded(self, address, chain):
        """Return the last address of a chain that is not one of our proxies.

        What is not an address ends the chain: anybody may have written it.
        """
        while chain and self.trusts(address):
            try:
                address = str(parsed(chain.pop().strip()))
            except ValueError:
                break
        return address

    def trusts(self, address):
        if address == "unix":
            return self.unix
        address = parsed(address)
        return any(address in each for each in self.networks)


def parsed(address):
    """Return an address, as IPv4 where IPv6 only wraps one."""
    address = ip_address(address.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def network(address):
    """Return the /64 of which an IPv6 client has all addresses.

    >>> network("2001:db8::1"), network("::ffff:192.0.2.1")
    ('2001:db8::/64', '192.0.2.1')
    """
    address = parsed(address)
    if address.version == 4:
        return str(address)
    return str(ip_network((address, 64), strict=False))
