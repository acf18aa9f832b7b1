"""What the tests of the engine share."""

import json

import jsonschema
import pytest

from workshop.bench.results import SCHEMA


@pytest.fixture
def validate():
    """Return a function that raises unless a result of arms has its shape."""
    return validator(SCHEMA)


@pytest.fixture
def validate_study():
    """Return the same for an experiment that measures in its own way."""
    return validator(SCHEMA.with_name("study.schema.json"))


def validator(path):
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate
