"""Declared filters and orders of a list: `stage=`, `owner_id[in]=`, `amount[gte]=`, `order_by=-amount`.

A list declares the fields to filter by and their types; the operators follow from the type. Values are parsed
here, so that the database never sees one that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, get_args
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from api.http.problems import Problem
from api.http.shapes import Day, Moment
from api.http.validation import Word, reason_of
from projections.runtime.listing import Filter, Op, Order

MAX_VALUES: Final = 100
MAX_ORDERS: Final = 3

_SAME: Final = ("eq", "in")
_RANGE: Final = ("eq", "gt", "gte", "lt", "lte")


@dataclass(frozen=True, slots=True)
class FieldType:
    """A filter's parser, its operators, its JSON schema, and its meaning if that is not its operator's."""

    adapter: TypeAdapter[Any]
    operators: tuple[str, ...]
    schema: Mapping[str, Any]
    meaning: str | None = None


WORD: Final = FieldType(TypeAdapter(Word), _SAME, {"type": "string"})
ID: Final = FieldType(TypeAdapter(UUID), _SAME, {"type": "string", "format": "uuid"})
PERCENT: Final = FieldType(TypeAdapter(Annotated[int, Field(ge=0, le=100)]), _RANGE, {"type": "integer"})
DECIMAL: Final = FieldType(
    TypeAdapter(Annotated[Decimal, Field(max_digits=30, decimal_places=10)]),
    _RANGE,
    {"type": "string", "format": "decimal"},
)
DAY: Final = FieldType(TypeAdapter(Day), _RANGE, {"type": "string", "format": "date"})
TIME: Final = FieldType(
    TypeAdapter(Moment), ("gt", "gte", "lt", "lte"), {"type": "string", "format": "date-time"}
)

COUNT: Final = FieldType(TypeAdapter(Annotated[int, Field(ge=0, le=10**9)]), _RANGE, {"type": "integer"})
YES_OR_NO: Final = FieldType(TypeAdapter(bool), ("eq",), {"type": "boolean"})


def moment(meaning: str) -> FieldType:
    """A single instant with a meaning of its own."""
    return FieldType(TypeAdapter(Moment), ("eq",), {"type": "string", "format": "date-time"}, meaning)


def word(meaning: str) -> FieldType:
    """A single word with a meaning of its own."""
    return FieldType(TypeAdapter(Word), ("eq",), {"type": "string"}, meaning)


def names(fields: Mapping[str, FieldType]) -> tuple[str, ...]:
    """The query parameters that these fields declare: `stage`, `stage[in]`, `amount[gte]`, ..."""
    return tuple(_parameter(name, op) for name, kind in fields.items() for op in kind.operators)


def filters(arguments: Mapping[str, str], fields: Mapping[str, FieldType]) -> list[Filter]:
    """The filters among `arguments`. Raises `Problem` (`validation`) for a value that does not fit."""
    found: list[Filter] = []
    for name, kind in fields.items():
        for op in kind.operators:
            parameter = _parameter(name, op)
            if parameter in arguments:
                found.append(Filter(name, _op(op), _value(parameter, arguments[parameter], op, kind)))
    return found


def values(arguments: Mapping[str, str], fields: Mapping[str, FieldType]) -> dict[str, Any]:
    """The values among `arguments` of fields that have one meaning each. Raises `Problem` (`validation`)."""
    return {found.field: found.value for found in filters(arguments, fields)}


def orders(text: str | None, allowed: Sequence[str], default: Sequence[Order]) -> list[Order]:
    """The order that `order_by` asks for: names with commas, `-` for descending. Raises `Problem`."""
    if text is None:
        return list(default)
    parts = [part.strip() for part in text.split(",")]
    found = [Order(part.removeprefix("-"), part.startswith("-")) for part in parts]
    fields = [order.field for order in found]
    if not set(fields) <= set(allowed) or len(set(fields)) < len(fields) or len(fields) > MAX_ORDERS:
        raise Problem(
            "validation",
            f"order_by takes at most {MAX_ORDERS} different names out of {', '.join(allowed)}, separated by "
            "commas, each with `-` before it for descending. Correct it.",
            allowed=list(allowed),
        )
    return found


def parameters(fields: Mapping[str, FieldType]) -> list[dict[str, Any]]:
    """The same declarations for OpenAPI."""
    return [
        {
            "name": _parameter(name, op),
            "in": "query",
            "required": False,
            "description": f"At most {MAX_VALUES} values, separated by commas."
            if op == "in"
            else kind.meaning or _MEANING[op],
            "schema": {"type": "string"} if op == "in" else dict(kind.schema),
        }
        for name, kind in fields.items()
        for op in kind.operators
    ]


def order_parameter(allowed: Sequence[str]) -> dict[str, Any]:
    """`order_by` for OpenAPI."""
    return {
        "name": "order_by",
        "in": "query",
        "required": False,
        "description": f"Out of {', '.join(allowed)}; `-` before a name for descending. The id breaks ties.",
        "schema": {"type": "string", "examples": ["-amount,stage"]},
    }


_MEANING: Final = {
    "eq": "Equal to.",
    "gt": "Greater (later) than.",
    "gte": "Greater (later) than or equal to.",
    "lt": "Less (earlier) than.",
    "lte": "Less (earlier) than or equal to.",
}


def _parameter(name: str, op: str) -> str:
    return name if op == "eq" else f"{name}[{op}]"


def _op(op: str) -> Op:
    found: Op = next(known for known in get_args(Op) if known == op)
    return found


def _value(parameter: str, text: str, op: str, kind: FieldType) -> Any:
    texts = text.split(",") if op == "in" else [text]
    if len(texts) > MAX_VALUES:
        raise Problem("validation", f"{parameter} takes at most {MAX_VALUES} values. Ask for fewer at once.")
    try:
        values = [kind.adapter.validate_python(part) for part in texts]
    except ValidationError as error:
        reason = reason_of(error.errors(include_input=False, include_url=False)[0])
        raise Problem("validation", f"{parameter}: {reason}. Correct the value.") from error
    return values if op == "in" else values[0]
