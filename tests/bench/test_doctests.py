"""Every example in a docstring of the engine is true."""

import doctest
import importlib
import pkgutil

import pytest

import workshop.bench

PROGRAMS = {"extended"}  # It runs on a step only.
MODULES = sorted(
    found.name
    for found in pkgutil.iter_modules(workshop.bench.__path__)
    if found.name not in PROGRAMS
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    module = importlib.import_module(f"workshop.bench.{name}")

    assert doctest.testmod(module).failed == 0
