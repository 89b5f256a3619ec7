"""Validate a value against the JSON Schemas of docs/reference."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.support.pid1 import ROOT

SCHEMAS = {
    name: json.loads((ROOT / "docs" / "reference" / name).read_text())
    for name in ("report.schema.json", "control.schema.json")
}
REGISTRY: Any = Registry().with_resources([(name, Resource.from_contents(made)) for name, made in SCHEMAS.items()])

REPORT = Draft202012Validator(SCHEMAS["report.schema.json"], registry=REGISTRY)
REQUEST = Draft202012Validator({"$ref": "control.schema.json#/$defs/request"}, registry=REGISTRY)
ANSWER = Draft202012Validator({"$ref": "control.schema.json#/$defs/answer"}, registry=REGISTRY)


def errors(validator: Draft202012Validator, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]
