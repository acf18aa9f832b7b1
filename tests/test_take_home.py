"""What the guide `take pico home` says works, as far as it can be tried."""

import configparser
import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from workshop.exchange import Wire
from workshop.serving import launched
from workshop.steps import ROOT, find

DEPLOY = ROOT / "docs" / "examples" / "deploy"
HELLO = b"GET /hello/home HTTP/1.1\r\nhost: pico\r\n\r\n"
APART = shutil.ignore_patterns(
    "__pycache__", "bench.py", "test_*", "experiments", "README.md"
)


def text_of(name):
    return (DEPLOY / name).read_text("utf-8")


@pytest.fixture
def home(tmp_path):
    """Return a copy of step 05, as the guide makes it."""
    folder = tmp_path / "mine"
    shutil.copytree(find("05").folder, folder, ignore=APART)
    return folder


def unit():
    """Return the settings of the systemd unit."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(text_of("pico.service"))
    return parser


def test_copy_answers_a_request(home):
    with launched(home) as running:
        exchange = Wire(running.url).send(HELLO)

    assert exchange.answers[0].content == b'{"message":"Hello home"}'


def test_package_names_every_room_and_its_libraries(home):
    packaged = tomllib.loads(text_of("pyproject.toml"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = project["project"]
    extras = packaged["project"]["optional-dependencies"].items()
    # The project itself always has what tests need.
    served = {name: needs for name, needs in extras if name != "testing"}

    modules = packaged["tool"]["setuptools"]["py-modules"]
    assert [*modules] == sorted(path.stem for path in home.glob("[!a]*.py"))
    assert served == project["optional-dependencies"]
    assert {*dict(extras)["testing"]} <= {*project["dependencies"]}


def test_library_of_every_extension_is_an_extra_of_the_package(home):
    packaged = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = packaged["optional-dependencies"].values()
    found = re.compile(r"pip install (\w+)").findall

    files = home.glob("extensions/*.py")
    wanted = [found(path.read_text("utf-8")) for path in files]
    names = {each.partition(">")[0] for needs in extras for each in needs}
    assert {each for needs in wanted for each in needs} == names


def test_requirements_are_those_of_the_package_but_for_tests():
    packaged = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = packaged["optional-dependencies"]
    served = [extras[name] for name in extras if name != "testing"]
    needed = packaged["dependencies"] + [each for e in served for each in e]
    lines = text_of("requirements.txt").splitlines()

    listed = [line for line in lines if not line.startswith("#")]
    assert listed == [each.partition(";")[0] for each in needed]


def test_unit_runs_the_program_of_the_guide():
    service = unit()["Service"]

    assert service["ExecStart"].endswith("/.venv/bin/python app.py")
    assert service["Environment"] == "HOST=127.0.0.1 PORT=8000"
    grace = load_value("server", r"grace = (\d+)")
    patience = load_value("workers", r"patience = (\d+)")
    assert int(service["TimeoutStopSec"]) > max(grace, patience)


def load_value(room, pattern):
    """Return a number in a room of step 05."""
    text = (find("05").folder / f"{room}.py").read_text("utf-8")
    return int(re.search(pattern, text)[1])


def test_unit_is_understood_by_systemd_where_there_is_one(tmp_path):
    assert unit().sections() == ["Unit", "Service", "Install"]
    if systemd := shutil.which("systemd-analyze"):
        text = text_of("pico.service")
        assert complaints(systemd, tmp_path, text) == []
        wrong = text.replace("KillMode=mixed", "KillMode=mild")
        assert "mild" in complaints(systemd, tmp_path, wrong)[0]


def complaints(systemd, folder, text):
    """Return what systemd says of a unit whose program is there."""
    path = folder / "pico.service"
    program = "/srv/pico/.venv/bin/python"
    path.write_text(text.replace(program, sys.executable), "utf-8")
    done = subprocess.run(
        [systemd, "verify", "--man=no", path],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return [line for line in done.stderr.splitlines() if path.name in line]


def test_container_copies_what_it_runs():
    lines = text_of("Dockerfile").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line[:1].isupper()]
    said = [word for word, _ in steps]

    assert said == [
        *("FROM", "WORKDIR", "COPY", "RUN", "COPY"),
        *("USER", "ENV", "EXPOSE", "CMD"),
    ]
    told = dict(steps)
    assert json.loads(told["CMD"]) == ["python", "app.py"]
    env = dict(pair.split("=") for pair in told["ENV"].split())
    assert (env["HOST"], env["PORT"]) == ("0.0.0.0", told["EXPOSE"])


def test_proxies_close_idle_connections_before_pico_does():
    limit = load_value("flow", r"keep_alive_timeout = (\d+)")
    seconds = [
        int(found)
        for name in ("nginx.conf", "Caddyfile")
        for found in re.findall(
            r"keepalive(?:_timeout)? (\d+)s", text_of(name)
        )
    ]

    assert len(seconds) == 2
    assert max(seconds) < limit


def test_proxy_lets_in_what_a_form_may_have(home):
    limit = re.search(r"client_max_body_size (\d+)m;", text_of("nginx.conf"))
    forms = (home / "extensions" / "forms.py").read_text("utf-8")

    assert limit
    assert f"max_content={limit[1]} * 2**20" in forms


def test_proxy_overwrites_what_a_client_says_of_itself():
    fields = dict(
        re.findall(r"proxy_set_header (\S+)\s+(\S+);", text_of("nginx.conf"))
    )

    assert text_of("nginx.conf").count("{") == text_of("nginx.conf").count("}")
    assert fields["X-Forwarded-For"] == "$remote_addr"
    assert fields["X-Forwarded-Proto"] == "$scheme"
