"""A suite as the text of a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML


def to_yaml(content: Mapping[str, Any]) -> str:
    """Return plain values as YAML, keys in their order."""
    text = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(dict(content), text)
    return text.getvalue()
