"""CI runs what the README says, on every system and Python we name."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from workshop import pins

ROOT = Path(__file__).resolve().parent.parent
CHECK = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
COMMANDS = ["python3 start.py", "python3 start.py test"]


def test_readme_has_two_commands_on_its_first_screen():
    screen = (ROOT / "README.md").read_text("utf-8").splitlines()[:30]
    commands = [line for line in screen if line.startswith("python3 ")]

    assert [line.partition("  ")[0] for line in commands] == COMMANDS


def test_workflow_runs_the_readmes_commands():
    steps = CHECK["jobs"]["commands"]["steps"]

    assert [step["run"] for step in steps if "run" in step] == COMMANDS


def test_workflow_covers_every_system_and_python():
    matrix = CHECK["jobs"]["commands"]["strategy"]["matrix"]
    systems = {name.partition("-")[0] for name in matrix["system"]}

    assert systems == {"ubuntu", "macos", "windows"}
    assert tuple(matrix["python"]) == pins.PYTHONS


def test_one_range_of_pythons_is_named_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    start = (ROOT / "start.py").read_text("utf-8")
    found = re.search(r"^OLDEST, NEWEST = \((.+)\), \((.+)\)$", start, re.M)
    oldest, newest = (part.replace(", ", ".") for part in found.groups())

    assert (oldest, newest) == (pins.PYTHONS[0], pins.PYTHONS[-1])
    assert project["project"]["requires-python"] == ">=3.11,<3.15"
    assert f"Python {oldest} to {newest}" in (ROOT / "README.md").read_text()


@pytest.mark.skipif(os.name != "posix", reason="needs bash")
def test_ci_script_refuses_skips_and_runs_the_second_command(tmp_path):
    """With stand-ins for all it calls: nothing is installed here."""
    script = tmp_path / ".ci" / "run"
    script.parent.mkdir()
    script.write_bytes((ROOT / ".ci" / "run").read_bytes())
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("curl", "wrk", "git", "apt-get", "sudo", "python3"):
        tool = tools / name
        tool.write_text('#!/bin/sh\necho "$WORKSHOP_NO_SKIPS ${0##*/} $*" >&2')
        tool.chmod(0o755)
    (tools / "dirname").symlink_to("/usr/bin/dirname")
    (tools / "id").symlink_to("/usr/bin/id")
    done = subprocess.run(
        ["/bin/bash", script],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "Installing chromium\n"
    assert done.stderr.splitlines()[-1] == "1 python3 start.py test"
    assert "install -qq -y --no-install-recommends chromium" in done.stderr
