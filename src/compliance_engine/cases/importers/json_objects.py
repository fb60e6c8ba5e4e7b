"""JSON objects from strangers: bounded, without duplicate keys."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 10_000


def read_object(text: str) -> dict[str, Any] | str:
    """Return the object a text holds, or a clause that says why it holds none.

    Duplicate keys, nested values, NaN and texts longer than `LONGEST` characters are refused.
    """
    if len(text) > LONGEST:
        return f"longer than {LONGEST} characters"
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        return f"not JSON at character {error.pos + 1}"
    except _NotAcceptedError as error:
        return str(error)
    except RecursionError:
        return "nested too deeply"
    if not isinstance(value, dict):
        return "another JSON value"
    if any(isinstance(one, dict | list) for one in value.values()):
        return "a value is itself an object or a list"
    return value


class _NotAcceptedError(Exception):
    """What JSON allows and we do not."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NotAcceptedError("a key stands there twice")
    return found


def _constant(name: str) -> Any:
    raise _NotAcceptedError(f"{name} is not a value")
