"""Pictures: what a page and a phone need of them."""

import re
from xml.etree import ElementTree

import pytest

from workshop.bench.picture import WIDTH, Bar, bars

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    Bar("one <b>", 10.0, 9.0, 11.5, '10 µs & "more"', "marked"),
    Bar("two", 20.0, 19.0, 24.0, "20 µs"),
]


@pytest.fixture
def text():
    return bars("A title", "a unit", "what is seen", ROWS)


def test_it_is_xml_with_a_title_and_a_description(text):
    root = ElementTree.fromstring(text)

    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == "A title"
    assert root.find(f"{SVG}desc").text == "what is seen"
    named = {root.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")}
    assert set(root.get("aria-labelledby").split()) == named


def test_each_bar_has_its_label_its_note_and_a_length_to_scale(text):
    root = ElementTree.fromstring(text)
    texts = [node.text for node in root.iter(f"{SVG}text")]
    lengths = [float(node.get("width")) for node in root.iter(f"{SVG}rect")]

    assert texts[2:] == ["one <b>", '10 µs & "more"', "two", "20 µs"]
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=0.2)


def test_it_follows_the_colours_of_the_page(text):
    colours = re.findall(r"(?:fill|stroke): ([^;}]*[^;} ])", text)

    assert "currentColor" in colours
    assert all(c == "currentColor" or c.startswith("var(") for c in colours)


def test_it_can_be_read_on_a_phone(text):
    root = ElementTree.fromstring(text)
    width = float(root.get("viewBox").split()[2])
    sizes = [int(size) for size in re.findall(r"(\d+)px", text)]

    assert width == WIDTH <= 360
    assert min(sizes) >= 12
    for node in root.iter(f"{SVG}rect"):
        assert float(node.get("x")) + float(node.get("width")) <= width


def test_it_loads_nothing_from_elsewhere(text):
    urls = re.findall(r"https?://[^\"' ]+", text)

    assert urls == ["http://www.w3.org/2000/svg"]
    assert "<script" not in text
