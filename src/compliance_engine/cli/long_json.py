"""JSON whose long lists are written item by item, each on a line, and never held as text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

_INDENT = 2


def echo_json(content: dict[str, Any]) -> None:
    """Print plain data, in which iterators stand for long lists."""
    for piece in _pieces(content, "\n"):
        sys.stdout.write(piece)
    sys.stdout.write("\n")


def _pieces(value: Any, line: str) -> Iterator[str]:
    inner = line + " " * _INDENT
    if isinstance(value, Iterator):
        between = "["
        for item in value:
            yield f"{between}{inner}{json.dumps(item, ensure_ascii=False)}"
            between = ","
        yield "[]" if between == "[" else f"{line}]"
    elif isinstance(value, dict) and value:
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(key, ensure_ascii=False)}: "
            yield from _pieces(item, inner)
        yield line + "}"
    else:
        yield json.dumps(value, indent=_INDENT, ensure_ascii=False).replace("\n", line)
