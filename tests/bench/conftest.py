"""What the tests of the engine share."""

import json

import jsonschema
import pytest

from workshop.bench.results import SCHEMA


@pytest.fixture
def validate():
    """Return a function that raises unless a result has its shape."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).validate
