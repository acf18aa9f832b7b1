"""Charts: what a page and a phone need of them."""

import re
from xml.etree import ElementTree

import pytest

from workshop.bench.chart import RIGHT, WIDTH, Axis, Curve, curves

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = [
    Curve("p50 <b>", [(1, 1), (10, 2), (100, 4)]),
    Curve("p99", [(1, 2), (10, 8), (100, 4)], "marked", "dotted", [1]),
    Curve("nothing", []),
]


@pytest.fixture
def root():
    text = curves(
        "A title", Axis("load", True), Axis("ms"), "what is seen", DRAWN
    )
    return ElementTree.fromstring(text)


def test_it_has_a_title_and_a_description(root):
    assert root.find(f"{SVG}title").text == "A title"
    assert root.find(f"{SVG}desc").text == "what is seen"
    named = {root.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")}
    assert set(root.get("aria-labelledby").split()) == named


def test_points_lie_where_their_values_say(root):
    points = list(root.iter(f"{SVG}circle"))
    first, middle, last = (float(point.get("cx")) for point in points[:3])

    assert middle - first == pytest.approx(last - middle, abs=0.2)
    up = [float(point.get("cy")) for point in points[:3]]
    assert up[0] - up[1] == pytest.approx((up[1] - up[2]) / 2, abs=0.2)


def test_a_point_that_is_not_valid_is_crossed_out(root):
    crosses = root.findall(f"{SVG}path[@class='curve wrong']")

    assert len(crosses) == 1
    assert len(list(root.iter(f"{SVG}circle"))) == 5


def test_a_ring_is_not_filled():
    ring = Curve("p50", [(1, 1), (2, 2)], hollow=[1])
    root = ElementTree.fromstring(
        curves("T", Axis("load"), Axis("ms"), "", [ring])
    )
    kinds = [node.get("class") for node in root.iter(f"{SVG}circle")]

    assert kinds == ["point bar", "curve bar"]


def test_an_axis_covers_what_it_is_told_to():
    one = Curve("p50", [(1, 2), (2, 3)])

    far = curves("T", Axis("x"), Axis("ms", True, [0.2, 900]), "", [one])
    ticks = [node.text for node in ElementTree.fromstring(far).iter()]

    assert "1000" in ticks and "0.1" in ticks


def test_names_of_curves_that_end_together_do_not_cover_each_other(root):
    labels = {node.text: node for node in root.iter(f"{SVG}text")}
    one, two = labels["p50 <b>"], labels["p99"]

    assert abs(float(one.get("y")) - float(two.get("y"))) >= 14


def test_it_can_be_read_on_a_phone(root):
    sizes = re.findall(r"(\d+)px", root.find(f"{SVG}style").text)

    assert float(root.get("viewBox").split()[2]) == WIDTH <= 360
    assert min(map(int, sizes)) >= 12
    for node in root.iter(f"{SVG}circle"):
        assert float(node.get("cx")) <= RIGHT


def test_it_follows_the_colours_of_the_page(root):
    style = root.find(f"{SVG}style").text
    colours = re.findall(r"(?:fill|stroke): ([^;}]*[^;} ])", style)

    assert all(
        c in ("none", "currentColor") or c.startswith("var(") for c in colours
    )
