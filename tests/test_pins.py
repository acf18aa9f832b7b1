"""Pins are plain, agree with each other and are what pyproject.toml asks."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import start
from workshop import pins

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ASKED = {
    "runtime": PROJECT["project"]["dependencies"],
    **PROJECT["dependency-groups"],
}
SYSTEMS = {"linux": "posix", "darwin": "posix", "win32": "nt"}
ENVIRONMENTS = [
    {
        "sys_platform": system,
        "os_name": SYSTEMS[system],
        "platform_system": {"darwin": "Darwin", "win32": "Windows"}.get(
            system, "Linux"
        ),
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": python,
        "python_full_version": f"{python}.9",
    }
    for system in SYSTEMS
    for python in pins.PYTHONS
]
NAMES = [f"{e['sys_platform']}-{e['python_version']}" for e in ENVIRONMENTS]


def lines(group: str) -> list[str]:
    text = pins.read(group)
    return [line for line in text.splitlines() if not line.startswith("#")]


def pinned(
    environment: dict[str, str], groups: list[str]
) -> dict[str, set[str]]:
    """Return the versions of each package in an environment."""
    found: dict[str, set[str]] = {}
    for line in (line for group in groups for line in lines(group)):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            (version,) = pin.specifier
            name = canonicalize_name(pin.name)
            found.setdefault(name, set()).add(version.version)
    return found


@pytest.mark.parametrize("group", [*pins.GROUPS, *pins.APART])
def test_pins_are_names_versions_and_markers_alone(group):
    plain = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; [a-zA-Z0-9_ =!<>.'()]+)?")
    odd = [line for line in lines(group) if not plain.fullmatch(line)]

    assert odd == []
    assert lines(group)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=NAMES)
def test_pins_agree_with_each_other(environment):
    """Whatever groups are installed, in whatever order."""
    found = pinned(environment, list(pins.GROUPS))

    assert {n: v for n, v in found.items() if len(v) > 1} == {}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=NAMES)
@pytest.mark.parametrize("group", pins.GROUPS)
def test_pins_are_what_the_project_asks_for(group, environment):
    found = pinned(environment, ["runtime", group])
    missing = []
    for asked in map(Requirement, ASKED[group]):
        if asked.marker is None or asked.marker.evaluate(environment):
            versions = found.get(canonicalize_name(asked.name), {"0"})
            if not asked.specifier.contains(max(versions)):
                missing.append(str(asked))

    assert missing == []


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=NAMES)
def test_pins_of_peers_are_what_the_project_asks_for(environment):
    """They have an environment of their own, with one version of each."""
    found = pinned(environment, ["peers"])
    asked = map(Requirement, ASKED["peers"])
    wanted = [
        a for a in asked if not a.marker or a.marker.evaluate(environment)
    ]

    for each in wanted:
        (version,) = found[canonicalize_name(each.name)]
        assert each.specifier.contains(version)


def test_peers_are_installed_by_nobody_else():
    assert set(pins.APART) == {"peers"}
    assert not set(pins.APART) & {*pins.GROUPS, *start.GROUPS}


def test_windows_and_pypy_go_without_uvloop():
    pin = next(Requirement(x) for x in lines("runtime") if "uvloop" in x)
    windows, pypy = dict(ENVIRONMENTS[-1]), dict(ENVIRONMENTS[0])
    pypy["platform_python_implementation"] = "PyPy"

    assert pin.marker.evaluate(ENVIRONMENTS[0])
    assert not pin.marker.evaluate(windows)
    assert not pin.marker.evaluate(pypy)


def test_runtime_has_neither_notebooks_nor_plots():
    heavy = {"matplotlib", "numpy", "jupyterlab", "mkdocs", "playwright"}
    names = {Requirement(line).name for line in lines("runtime")}

    assert names & heavy == set()


def test_command_without_uv_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    assert pins.main([]) == 3
    assert "pip install uv" in capsys.readouterr().err
