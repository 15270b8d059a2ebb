"""The JSON Schema of a suite file, for editors: completion, and a red line under a misspelt key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from merbench import registry
from merbench.config import Config
from merbench.errors import ConfigError
from merbench.suite.entries import STAGES, CorpusHead, MethodHead, NoiseHead
from merbench.suite.schema import GridConfig, Suite
from merbench.training.config import TrainingOverrides

Json = dict[str, Any]


def json_schema() -> Json:
    """Return the schema, with every plug-in that is installed."""
    schema = Suite.model_json_schema()
    definitions: Json = schema["$defs"]
    training = _properties(TrainingOverrides, "training", definitions)
    stage = {"type": "object", "properties": training, "additionalProperties": False}
    definitions["TrainingOverrides"] = stage
    stages = {name: {"$ref": "#/$defs/TrainingOverrides"} for name in STAGES}
    definitions["CorpusEntry"] = _entries("readers", "reader", CorpusHead, {}, definitions)
    definitions["MethodEntry"] = _entries(
        "methods", "name", MethodHead, training | stages, definitions
    )
    definitions["NoiseEntry"] = _entries("noises", "type", NoiseHead, {}, definitions)
    # A path or reader:path is text too, and so is one method's name.
    definitions["CorpusEntry"]["anyOf"].append({"type": "string"})
    definitions["MethodEntry"]["anyOf"] += [
        {"enum": list(registry.names("methods"))},
        {"type": "string", "pattern": ":"},
    ]
    schema["properties"]["metrics"]["items"] = {
        "anyOf": [{"enum": list(registry.names("metrics"))}, {"type": "string", "pattern": ":"}]
    }
    del schema["properties"]["contrasts"]["default"]
    definitions[GridConfig.__name__]["properties"]["patterns"]["anyOf"][-1]["minItems"] = 1
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _entries(
    group: registry.Group, naming: str, head: type[Config], extra: Json, definitions: Json
) -> Json:
    """Return one alternative for each plug-in, and one for import paths."""
    common = _properties(head, group, definitions) | extra
    if "on" in common:
        common["on"] = {**common["on"], "anyOf": [common["on"]["items"], {"type": "array"}]}
        common["on"].pop("type")
    required = [name for name, field in head.model_fields.items() if field.is_required()]
    alternatives = []
    for name in registry.names(group):
        try:
            own = _properties(registry.load(group, name).Config, f"{group}.{name}", definitions)
        except ConfigError:  # installed but broken: a suite that names it will say so
            continue
        alternatives.append(
            {
                "type": "object",
                "properties": common | own | {naming: {"const": name}},
                "required": required,
                "additionalProperties": False,
            }
        )
    alternatives.append(
        {
            "type": "object",
            "properties": common | {naming: {"type": "string", "pattern": ":"}},
            "required": required,
        }
    )
    return {"anyOf": alternatives}


def _properties(model: type[BaseModel], prefix: str, definitions: Json) -> Json:
    """Return the properties of a model, and file what they refer to under names of their own."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, definition in schema.get("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = definition
    properties: Json = schema.get("properties", {})
    return properties
