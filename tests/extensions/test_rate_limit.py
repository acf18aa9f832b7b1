"""What the extension `rate_limit` does, on the steps that have it."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.steps("04", "05")


def connected(address):
    """Return a connection from an address, as far as it is asked."""
    return SimpleNamespace(peer=address and (address, 50000))


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


def limited(step, **options):
    """Return a clock, and a function that asks and returns the status."""
    app, clock = step.Pico(), Clock()
    module = step.modules["extensions.rate_limit"]
    module.rate_limit(app, clock=clock, **options)

    @app.route("/")
    async def index(request, response):
        pass

    async def status(address="192.0.2.1"):
        request = step.Request(app, "GET", "/", "1.1", {})
        request.source = connected(address)
        response = await app.answer(request)
        after = response.headers.get("retry-after")
        return response.status if after is None else (response.status, after)

    return clock, status


async def test_rate_limit_refuses_and_says_when_to_come_back(step, fetch):
    app = step.Pico()
    module = step.modules["extensions.rate_limit"]
    module.rate_limit(app, limit=2, per=60, clock=Clock())

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    answers = [await fetch(app, "/") for _ in range(3)]

    assert [each.status for each in answers] == [200, 200, 429]
    assert [each.field("retry-after") for each in answers] == [
        None,
        None,
        "30",
    ]
    assert answers[2].content == b"Too Many Requests"


async def test_rate_limit_fills_the_bucket_again_drop_by_drop(step):
    clock, status = limited(step, limit=3, per=30)

    told = [await status() for _ in range(4)]
    clock.now += 9.5
    told.append(await status())
    clock.now += 0.5
    told += [await status(), await status()]
    clock.now += 1000
    told += [await status() for _ in range(4)]

    assert told[:5] == [200, 200, 200, (429, 10), (429, 1)]
    assert told[5:7] == [200, (429, 10)]
    assert told[7:] == [200, 200, 200, (429, 10)]


async def test_rate_limit_does_not_punish_who_is_refused(step):
    clock, status = limited(step, limit=1, per=10)

    told = [await status() for _ in range(5)]
    clock.now += 10
    told.append(await status())

    assert told == [200, *[(429, 10)] * 4, 200]


async def test_rate_limit_loses_nothing_to_rounding(step):
    _, status = limited(step, limit=10, per=0.7)

    told = [await status() for _ in range(11)]

    assert told == [200] * 10 + [(429, 1)]


async def test_rate_limit_counts_each_address_for_itself(step):
    _, status = limited(step, limit=1)

    told = [
        await status(address)
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", None, None)
    ]

    assert told == [200, 200, (429, 60), 200, (429, 60)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
async def test_rate_limit_counts_the_network_of_ipv6(step, one, other, same):
    _, status = limited(step, limit=1)

    told = [await status(one), await status(other)]

    assert told == [200, (429, 60) if same else 200]


async def test_rate_limit_keeps_so_many_buckets_and_no_more(step):
    """Who was away for longest is forgotten, whoever else may come."""
    _, status = limited(step, limit=1, clients=2)

    told = [await status(each) for each in ("::1", "1.1.1.1", "2.2.2.2")]
    told += [await status("2.2.2.2"), await status("1.1.1.1")]
    told += [await status("::1")]

    assert told == [200, 200, 200, (429, 60), (429, 60), 200]


async def test_rate_limit_keeps_the_bucket_of_who_came_again(step):
    _, status = limited(step, limit=2, clients=2)

    for address in ("1.1.1.1", "2.2.2.2", "1.1.1.1", "3.3.3.3"):
        await status(address)

    assert await status("1.1.1.1") == (429, 30)


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        ([], "10.0.0.1", "192.0.2.9", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "192.0.2.9", "192.0.2.9"),
        (["10.0.0.0/8"], "10.1.2.3", "192.0.2.9", "192.0.2.9"),
        (["10.0.0.1"], "10.0.0.2", "192.0.2.9", "10.0.0.2"),
        (["10.0.0.1"], "10.0.0.1", None, "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "1.1.1.1, 192.0.2.9", "192.0.2.9"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1,x,10.0.0.2", "10.0.0.2"),
        (["10.0.0.1"], "10.0.0.1", "<script>", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "2001:db8::7", "2001:db8::/64"),
        (["10.0.0.1"], "::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9"),
        (["unix"], None, "192.0.2.9", "192.0.2.9"),
        (["10.0.0.1"], None, "192.0.2.9", "unix"),
        (["unix", "::1"], "::1", "192.0.2.9", "192.0.2.9"),
        (["unix"], "10.0.0.1", "192.0.2.9", "10.0.0.1"),
    ],
)
def test_rate_limit_believes_only_the_proxies_that_it_was_told(
    step, proxies, peer, forwarded, client
):
    known = step.modules["extensions.rate_limit"].Proxies(proxies)
    request = step.Request(step.Pico(), "GET", "/", "1.1", {})
    fields = {"x-forwarded-for": forwarded} if forwarded else {}
    request.headers = step.messages.Headers(fields)
    request.source = connected(peer)

    assert known.client(request) == client


def test_rate_limit_refuses_a_proxy_without_an_address(step):
    with pytest.raises(ValueError, match="proxy"):
        step.modules["extensions.rate_limit"].rate_limit(
            step.Pico(), proxies=["proxy"]
        )


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": 0.5},
        {"per": 0},
        {"per": -1},
        {"clients": 0},
    ],
)
def test_rate_limit_refuses_what_is_no_limit(step, options):
    with pytest.raises(ValueError, match="at least one request"):
        step.modules["extensions.rate_limit"].rate_limit(
            step.Pico(), **options
        )


@pytest.mark.parametrize("proxies", [[], ["10.0.0.1"]])
@pytest.mark.parametrize("name", ["testclient", "foo:bar"])
async def test_rate_limit_counts_a_name_as_well(step, proxies, name):
    _, status = limited(step, limit=1, proxies=proxies)

    assert await status(name) == 200
    assert (await status(name))[0] == 429


async def test_rate_limit_takes_one_proxy_alone(step):
    _, status = limited(step, limit=1, proxies="192.0.2.0/24")

    assert await status() == 200
