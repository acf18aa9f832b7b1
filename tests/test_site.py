"""The site, as mkdocs builds it and as a browser shows it."""

import contextlib
import functools
import html.parser
import http.server
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from workshop.steps import ROOT

PHONE, DESK = (390, 844), (1280, 900)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
# What is looked at on a phone and for its colours: one page of each kind.
LOOKED_AT = [
    "index.html",
    "lessons/03_parsing.html",
    "lessons/05_benchmarks.html",
    "notebooks/05_benchmarks.html",
    "diffs/03-04.html",
    "reference/http.html",
]
INDEX = "search/search_index.json"
CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text of ordinary size
READABLE = 12  # pixels, for the text of a paragraph: 16 are usual

# Whether a table must be scrolled sideways to be read.
HIDDEN = """() => [...document.querySelectorAll('.md-typeset__scrollwrap')]
  .some(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"""

# Every colour of text with those behind it: how often, and a piece of it.
COLOURS = """() => {
  const layers = new Map();
  const walker = document.createTreeWalker(
    document.querySelector('.md-content'), NodeFilter.SHOW_TEXT);
  const brush = new OffscreenCanvas(1, 1).getContext(
    '2d', {willReadFrequently: true});
  const known = new Map();
  const rgba = text => {
    if (!known.has(text)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = text;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };
  const styles = new Map();
  const styled = node => {
    if (!styles.has(node)) {
      const style = getComputedStyle(node);
      styles.set(node, {behind: rgba(style.backgroundColor),
        opacity: Number(style.opacity)});
    }
    return styles.get(node);
  };
  const seen = new Set();
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || seen.has(element) || !element.checkVisibility(
        {opacityProperty: true, visibilityProperty: true})) continue;
    if (element.closest('style, script, title, desc, .headerlink')) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const svg = element.namespaceURI.endsWith('svg');
    const behind = [];
    let opacity = 1;
    for (let node = element; node; node = node.parentElement) {
      const {behind: colour, opacity: part} = styled(node);
      if (colour[3]) behind.push(colour);
      opacity *= part;
    }
    const layer = {colour: rgba(svg ? style.fill : style.color), behind,
      opacity};
    const key = JSON.stringify(layer);
    const met = layers.get(key) ||
      {...layer, text: text.slice(0, 40), number: 0};
    met.number += 1;
    layers.set(key, met);
  }
  return [...layers.values()];
}"""


# What is built


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build the site, once; what mkdocs says about it is a failure."""
    folder = tmp_path_factory.mktemp("site")
    example = ROOT / "docs" / "examples" / "counter.py"
    left = Path(py_compile.compile(str(example)))  # as if it had been run
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    left.unlink(missing_ok=True)  # Another worker builds it, too.
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout, done.stdout
    return folder


class Links(html.parser.HTMLParser):
    """What a page leads to, and what in it can be led to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], {"", "__top"}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name"):
                self.names.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def pages(site):
    return sorted(path.relative_to(site).as_posix() for path in pages_of(site))


def pages_of(site):
    return [path for path in site.rglob("*.html") if path.name != "404.html"]


def test_every_link_within_the_site_leads_somewhere(site):
    read = {
        path.resolve(): Links(path.read_text("utf-8"))
        for path in site.rglob("*.html")
    }

    broken = []
    for path, page in read.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            base = site if parts.path.startswith("/") else path.parent
            found = (base / unquote(parts.path).lstrip("/")).resolve()
            found = path if not parts.path else found
            found = found / "index.html" if found.is_dir() else found
            if not found.is_file() or (
                found in read and unquote(anchor) not in read[found].names
            ):
                broken.append((path.name, link))
    assert broken == []


def test_no_compiled_file_of_an_example_is_published(site):
    assert list(site.rglob("*.pyc")) == []


def test_every_page_of_the_nav_is_built(site):
    built = pages(site)

    assert "index.html" in built
    assert sum(name.startswith("lessons/") for name in built) == 5
    assert sum(name.startswith("notebooks/") for name in built) == 5
    assert sum(name.startswith("diffs/") for name in built) == 4


def test_no_script_or_style_of_a_page_names_an_address_outside(site):
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        parts = re.findall(r"<script.*?</script>|<link .*?>", text, re.DOTALL)

        assert parts, path.name
        assert not [p for p in parts if "//" in p and "http" in p], path.name
        assert 'src=""' not in text, path.name


# What a browser shows


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files; the types do not depend on the machine's registry."""

    extensions_map = {
        "": "application/octet-stream",
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".json": "application/json",
        ".py": "text/plain",
        ".svg": "image/svg+xml",
        ".xml": "application/xml",
    }

    index = None  # bytes that are served as the index of the search

    def do_GET(self):
        if self.index is None or not self.path.endswith(INDEX):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.index)))
        self.end_headers()
        self.wfile.write(self.index)

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder, index=None):
    """Yield the address of a server of files, which ends with the block."""
    kind = type("Indexed", (Handler,), {"index": index})
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Visit:
    """What was noticed on all pages together."""

    outside: list = field(default_factory=list)  # requests that leave
    errors: list = field(default_factory=list)  # console, scripts, statuses
    hidden: list = field(default_factory=list)  # pages with a wide table
    widths: dict = field(default_factory=dict)  # page: on a phone
    sizes: dict = field(default_factory=dict)  # page: of paragraphs, there
    colours: dict = field(default_factory=dict)  # (scheme, page): layers
    schemes: list = field(default_factory=list)  # after each turn of the knob
    found: int = 0  # results of a search


@pytest.fixture(scope="session")
def visit(site):
    """Open all pages in chromium, and close it again."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    noticed = Visit()
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=FLAGS
        )
        look_at_all(browser, site, noticed)
        look_at_phone(browser, address, noticed)
        look_at_the_dark(browser, address, noticed)
        search(browser, address, noticed)
        turn_the_knob(browser, address, noticed)
        browser.close()
    return noticed


@contextlib.contextmanager
def tab(browser, size=DESK, scheme="light"):
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    yield context.new_page()
    context.close()


def look_at_all(browser, site, noticed):
    # Each page would read the index of the whole site again.
    index = json.loads((site / INDEX).read_text("utf-8"))
    short = json.dumps({**index, "docs": index["docs"][:1]}).encode()
    with served(site, short) as address, tab(browser) as page:

        def requested(request):
            scheme, host = urlsplit(request.url)[:2]
            if scheme not in ("data", "blob") and host not in address:
                noticed.outside.append((page.url, request.url))

        def said(message):
            if message.type in ("error", "warning"):
                noticed.errors.append((page.url, message.text))

        def answered(response):
            if response.status >= 400:
                noticed.errors.append((response.url, response.status))

        page.on("request", requested)
        page.on("console", said)
        page.on("response", answered)
        page.on("pageerror", lambda e: noticed.errors.append((page.url, e)))
        for name in pages(site):
            page.goto(address + name)
            if page.evaluate(HIDDEN):
                noticed.hidden.append(name)
            if name in LOOKED_AT:
                noticed.colours["light", name] = colours_of(page)


def look_at_phone(browser, address, noticed):
    with tab(browser, PHONE) as page:
        for name in LOOKED_AT:
            page.goto(address + name)
            noticed.widths[name] = page.evaluate(
                "document.documentElement.scrollWidth"
            )
            noticed.sizes[name] = page.evaluate(
                """[...document.querySelectorAll('.md-content p')]
                .filter(p => p.checkVisibility() && p.innerText.trim())
                .map(p => parseFloat(getComputedStyle(p).fontSize))"""
            )


def look_at_the_dark(browser, address, noticed):
    with tab(browser, scheme="dark") as page:
        for name in LOOKED_AT:
            page.goto(address + name)
            noticed.colours["dark", name] = colours_of(page)


def colours_of(page):
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => d.open = 1)"
    )
    return page.evaluate(COLOURS)


def search(browser, address, noticed):
    with tab(browser) as page:
        page.goto(address)
        page.locator(".md-search__input").click()
        page.keyboard.type("pipelined")
        page.locator(".md-search-result__item").first.wait_for()
        noticed.found = page.locator(".md-search-result__item").count()


def turn_the_knob(browser, address, noticed):
    with tab(browser, scheme="dark") as page:
        page.goto(address)
        for _ in range(4):
            noticed.schemes.append(
                page.evaluate("document.body.dataset.mdColorScheme")
            )
            page.locator("form[data-md-component=palette] label").locator(
                "visible=true"
            ).click()


def over(layer, below):
    """Lay a colour over an opaque one."""
    *colour, alpha = layer
    pairs = zip(colour, below, strict=False)
    return [alpha * c + (1 - alpha) * b for c, b in pairs]


def luminance(colour):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(layer):
    """Return the contrast of a text, from 1 to 21 (WCAG 2.2)."""
    back = [255, 255, 255]
    for each in reversed(layer["behind"]):
        back = over(each, back)
    *colour, alpha = layer["colour"]
    front = over([*colour, alpha * layer["opacity"]], back)
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_no_page_asks_for_anything_outside(visit):
    assert visit.outside == []


def test_no_page_logs_an_error(visit):
    assert visit.errors == []


def test_tables_fit_on_a_desk(visit):
    assert visit.hidden == []


def test_page_fits_on_a_phone(visit):
    assert visit.widths == dict.fromkeys(LOOKED_AT, PHONE[0])


def test_text_can_be_read_on_a_phone(visit):
    for name, sizes in visit.sizes.items():
        assert sizes, name
        assert min(sizes) >= READABLE, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_text_stands_out_from_its_background(visit, scheme, name):
    layers = visit.colours[scheme, name]

    assert sum(layer["number"] for layer in layers) > 50
    assert [
        (round(contrast(layer), 2), layer["text"])
        for layer in layers
        if contrast(layer) < CONTRAST
    ] == []


def test_contrast_is_that_of_the_standard():
    def grey(value, alpha=1):
        return [value, value, value, alpha]

    black = {"colour": grey(0), "behind": [grey(255)], "opacity": 1}
    faint = {"colour": grey(0, 0), "behind": [grey(255)], "opacity": 1}

    assert round(contrast(black), 2) == 21
    assert contrast(faint) == 1


def test_search_finds_a_word(visit):
    assert visit.found > 0


def test_colours_follow_the_system_until_they_are_chosen(visit):
    assert visit.schemes == ["slate", "default", "slate", "slate"]
