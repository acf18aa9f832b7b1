"""An environment of its own: made once, from pins, for those that install."""

import json
import sys

import pytest

from workshop.bench import environments
from workshop.bench.environments import Environment, clean, sources
from workshop.errors import WorkshopError

PINS = "# Peers\nroll==0.13.4\nbroken==1.0\n"


@pytest.fixture
def ran(monkeypatch):
    """Let nothing be installed; return what would be run."""
    words = []

    def run(command):
        words.append(command)
        if "venv" in command:
            python = Environment(environments.Path(command[-1]), "", "").python
            python.parent.mkdir(parents=True)
            python.touch()
            return 0
        wanted = environments.Path(command[-1]).read_text()
        words[-1] = [*command[:-1], wanted.split()]
        return int("broken==1.0" in wanted)

    monkeypatch.setattr(environments, "run", run)
    monkeypatch.setattr(environments.pins, "read", lambda group: PINS)
    return words


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / ".peers", "peers", "bench peers --install")


def test_what_is_not_installed_is_said_in_one_sentence(environment):
    with pytest.raises(WorkshopError) as caught:
        environment.require()

    assert caught.value.status == 3
    assert "run `bench peers --install`" in str(caught.value)
    assert str(caught.value).count(". ") == 0


def test_pins_that_do_not_install_keep_no_other_away(environment, ran):
    told = []
    environment.install(told.append)

    files = [words[-1] for words in ran if "venv" not in words]
    assert files == [
        ["roll==0.13.4", "broken==1.0"],
        ["roll==0.13.4"],
        ["broken==1.0"],
    ]
    assert environment.failed() == ["broken==1.0"]
    assert environment.complete()
    assert "requirements/peers.txt" in told[0]
    environment.require()


def test_what_is_complete_is_not_made_again(environment, ran):
    environment.install(print)
    ran.clear()
    environment.install(print)

    assert ran == []


@pytest.mark.parametrize(
    ("name", "value"), [("python", "3.10.0"), ("pins", "others")]
)
def test_another_python_or_other_pins_make_it_stale(
    environment, ran, name, value
):
    environment.install(print)
    path = environment.folder / environments.STAMP
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    assert not environment.complete()
    (environment.folder / "old").touch()
    environment.install(print)
    assert environment.complete()
    assert not (environment.folder / "old").exists()


def test_a_stamp_without_a_python_is_not_complete(environment, ran):
    environment.install(print)
    environment.python.unlink()

    assert not environment.complete()


def test_nothing_installed_is_an_error_without_a_stamp(
    environment, ran, monkeypatch
):
    monkeypatch.setattr(environments.pins, "read", lambda group: "broken==1.0")

    with pytest.raises(WorkshopError, match="go online") as caught:
        environment.install(print)
    assert caught.value.status == 3
    assert environment.stamp() == {}


@pytest.mark.parametrize("uv", [None, "/bin/uv"])
def test_pins_are_installed_as_they_are_by_uv_or_pip(
    environment, monkeypatch, uv
):
    monkeypatch.setattr(environments.shutil, "which", lambda word: uv)
    words = environment.installer()

    assert words[0] == (uv or str(environment.python))
    assert "--no-deps" in words
    assert str(environment.python) in words


def test_wheelhouse_takes_the_place_of_the_network(tmp_path):
    assert sources(tmp_path) == []
    (tmp_path / "wheelhouse").mkdir()
    assert sources(tmp_path)[0] == "--no-index"


def test_variables_that_lead_astray_are_left_out():
    assert clean({"PYTHONPATH": "x", "HOME": "y"}) == {"HOME": "y"}


def test_an_installer_tells_its_status():
    assert environments.run([sys.executable, "-c", "exit(4)"]) == 4
