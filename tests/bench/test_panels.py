"""Charts below each other: one picture, nothing on top of anything."""

from xml.etree import ElementTree

from workshop.bench.chart import HEIGHT, WIDTH, Axis, Curve, curves
from workshop.bench.panels import panels

SVG = "{http://www.w3.org/2000/svg}"


def test_charts_stand_below_each_other():
    charts = [
        curves(name, Axis("x"), Axis("y"), "", [Curve("a", [(1, 1)])])
        for name in ("one", "two")
    ]

    root = ElementTree.fromstring(panels("Both", "what is seen", charts))

    assert root.get("viewBox") == f"0 0 {WIDTH} {2 * HEIGHT}"
    assert root.find(f"{SVG}title").text == "Both"
    assert root.find(f"{SVG}desc").text == "what is seen"
    inner = root.findall(f"{SVG}svg")
    assert [node.get("y") for node in inner] == ["0", f"{HEIGHT}"]
    assert {node.get("width") for node in inner} == {f"{WIDTH}"}
    assert {node.get("height") for node in inner} == {f"{HEIGHT}"}
    assert [node.get("style") for node in inner] == [None, None]
    named = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(named) == len(set(named)) == 6
