"""Every example in a docstring of the tools is true."""

import doctest
import importlib
import pkgutil

import pytest

import start
import workshop

# Programs are not for an import.
APART = {"__main__", "plugin", "wire_app", "extended"}
APART |= {"patient", "positions", "burning", "here"}
FOUND = pkgutil.walk_packages(workshop.__path__, "workshop.")
MODULES = [
    x.name
    for x in FOUND
    if x.name.rpartition(".")[2] not in APART and ".programs." not in x.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_tools_are_true(name):
    module = importlib.import_module(name)

    assert doctest.testmod(module).failed == 0


def test_examples_of_start_are_true():
    assert doctest.testmod(start).failed == 0
