"""What is wrong with a suite: every problem with its place, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, to_json

from merbench.errors import did_you_mean

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_WORDED = "worded"
_EXPECTED = {
    "bool_type": "true or false (off, on, yes and no are words, not booleans)",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_too_short": "text that is not empty",
    "string_type": "text",
    "tuple_type": "a list",
}


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        location: where, as keys and positions from the top of the suite.
        text: what was wrong, what was expected and the nearest valid name.
    """

    location: Location
    text: str


class Problems:
    """Gathers what is wrong with the parts of one entry, to raise all of it at once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, text: str, *location: str | int) -> None:
        """Note a problem."""
        self._found.append(Problem(location, text))

    def read(
        self, model: type[Model], values: Mapping[str, Any], *location: str | int
    ) -> Model | None:
        """Return the values as a model, or None after noting what is wrong with them.

        They are read as JSON, in which a strict model takes a list for a tuple and text for a path.
        """
        try:
            return model.model_validate_json(to_json(values, inf_nan_mode="constants"))
        except ValidationError as error:
            for problem in problems_of(error, model, values):
                self.add(problem.text, *location, *problem.location)
            return None

    def need_unique(self, values: Iterable[object], *location: str | int) -> None:
        """Note every value that an earlier one equals."""
        seen: dict[object, int] = {}
        for position, value in enumerate(values):
            # A mapping or list in the place of a value is refused where values are read.
            known = repr(value) if isinstance(value, dict | list) else value
            first = seen.setdefault(known, position)
            if first != position:
                self.add(f"{shown(value)} is listed twice; expected each once", *location, position)

    def raise_any(self) -> None:
        """Raise what was noted.

        Raises:
            ValidationError: pydantic puts the place of the entry before each problem's own.
        """
        if self._found:
            raise ValidationError.from_exception_data(
                "suite",
                [
                    InitErrorDetails(
                        type=PydanticCustomError(_WORDED, "{text}", {"text": problem.text}),
                        loc=problem.location,
                        input=None,
                    )
                    for problem in self._found
                ],
            )


def shown(value: object) -> str:
    """Return a value as YAML would have it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key is not one of the known ones."""
    return f"unknown key {key!r}; {did_you_mean(key, known)}"


def problems_of(error: ValidationError, model: type[BaseModel], values: object) -> list[Problem]:
    """Put pydantic's findings into words.

    Args:
        error: what pydantic raised.
        model: the model that was asked for.
        values: what it was given.
    """
    wrong: dict[Location, list[_Words]] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and _holds_others(detail, details):
            continue  # pydantic does not count items that are wrong themselves
        wrong.setdefault(_in_file(detail, values), []).append(_words(detail, model))
    return [Problem(location, _joined(words)) for location, words in wrong.items()]


def _holds_others(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    place = detail["loc"]
    return any(d is not detail and d["loc"][: len(place)] == place for d in details)


class _Words(NamedTuple):
    wrong: str
    expected: str = ""
    hint: str = ""


def _joined(words: Sequence[_Words]) -> str:
    """Return one text: the branches of a union each say what they expected of the same value."""
    expected = " or ".join(dict.fromkeys(w.expected for w in words if w.expected))
    hints = dict.fromkeys(w.hint for w in words if w.hint)
    return "; ".join([words[0].wrong, *([f"expected {expected}"] if expected else []), *hints])


def _in_file(detail: ErrorDetails, values: object) -> Location:
    """Return the part of pydantic's location that a user wrote: union branches are left out."""
    location: list[str | int] = []
    for key in detail["loc"]:
        held = isinstance(values, Mapping) and key in values
        held |= isinstance(values, list | tuple) and isinstance(key, int) and key < len(values)
        if not held and detail["type"] not in ("missing", _WORDED):
            break
        location.append(key)
        values = values[key] if held else None  # type: ignore[index]
    return tuple(location)


def _words(detail: ErrorDetails, model: type[BaseModel]) -> _Words:
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == _WORDED:
        return _Words(detail["msg"])
    if kind in ("extra_forbidden", "missing"):
        return _about_key(kind, _owner(model, detail["loc"]))
    if kind in ("value_error", "assertion_error"):
        return _Words(f"found {shown(found)}", hint=str(context["error"]))
    if kind == "literal_error" and isinstance(found, str):
        options = re.findall(r"'([^']*)'", context["expected"])
        return _Words(f"unknown value {found!r}", hint=did_you_mean(found, options))
    if kind in ("too_short", "too_long"):
        bound = "at least" if kind == "too_short" else "at most"
        limit = context.get("min_length", context.get("max_length"))
        return _Words(f"found {context['actual_length']} items", f"{bound} {limit}")
    message = detail["msg"].removeprefix("Input should ").removeprefix("be ")
    return _Words(f"found {shown(found)}", _EXPECTED.get(kind, message))


def _about_key(kind: str, owner: _Owner) -> _Words:
    name, fields = str(owner.name), owner.model.model_fields if owner.model else {}
    if kind == "extra_forbidden":
        return _Words(unknown_key(name, fields))
    return _Words("missing", (fields[name].description or "") if name in fields else "")


class _Owner(NamedTuple):
    model: type[BaseModel] | None
    name: str | int | None


def _owner(model: type[BaseModel], location: Location) -> _Owner:
    """Return the model that the last key of a location belongs to, where it can be told."""
    if not location:
        return _Owner(model, None)
    current: type[BaseModel] | None = model
    for key in location[:-1]:
        if isinstance(key, int):
            continue  # an item of a list, whose model was found at the list
        field = current.model_fields.get(str(key)) if current else None
        current = _model_in(field) if field else None
    return _Owner(current, location[-1])


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    """Return the one model that a field's type is or allows."""
    kinds = (field.annotation, *get_args(field.annotation))
    models = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
    return models[0] if len(models) == 1 else None
