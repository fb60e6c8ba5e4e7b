"""Texts that repeat, kept once each under a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from compliance_engine.dates import IntArray
from compliance_engine.store.bulk import (
    Readable,
    among,
    among_texts,
    insert_rows,
    next_number,
    read_table,
)
from compliance_engine.store.tables import words

_TEXT = pa.schema([("number", pa.int32()), ("text", pa.string())])


class Numbering(Protocol):
    """Gives texts their numbers."""

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the number of each text."""


class Fixed:
    """Numbers that a store has given, and others, larger, for texts it does not know; nothing is kept.

    Args:
        texts: What the store knows, by number.
    """

    def __init__(self, texts: Mapping[int, str]) -> None:
        self.texts = dict(texts)
        self._numbers = {text: number for number, text in texts.items()}
        self._next = max(self.texts, default=0) + 1

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the number of each text."""
        return [self._number(text) for text in texts]

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = self._next
            self.texts[self._next] = text
            self._next += 1
        return self._numbers[text]


class Words:
    """The numbers of texts, within one transaction.

    Args:
        connection: A writing connection if new texts are to get numbers.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the number of each text; new ones are kept."""
        given = list(texts)
        self._find([text for text in dict.fromkeys(given) if text not in self._numbers])
        new = [text for text in dict.fromkeys(given) if text not in self._numbers]
        if new:
            first = next_number(self._connection, words.c.word)
            numbered = [(first + index, text) for index, text in enumerate(new)]
            insert_rows(self._connection, words, ("word", "text"), numbered)
            self._numbers.update((text, number) for number, text in numbered)
        return [self._numbers[text] for text in given]

    def texts(self) -> dict[int, str]:
        """Return the texts that were asked for, by their numbers."""
        return {number: text for text, number in self._numbers.items()}

    def encode(self, column: pa.ChunkedArray) -> pa.Array:
        """Return a column of texts as numbers, null for null, int32."""
        encoded = pa.concat_arrays([pa.array([], pa.string()), *column.chunks]).dictionary_encode()
        numbers = pa.array(self.numbers(encoded.dictionary.to_pylist()), pa.int32())
        return numbers.take(encoded.indices)

    def _find(self, texts: Sequence[str]) -> None:
        for part in among_texts(words.c.text, texts):
            query = sa.select(words.c.text, words.c.word).where(part)
            self._numbers.update((text, number) for text, number in self._connection.execute(query))


def all_words(connection: sa.Connection) -> dict[int, str]:
    """Return every text by its number."""
    rows = connection.execute(sa.select(words.c.word, words.c.text))
    return dict(rows.all())


def texts_of(connection: Readable, *columns: pa.ChunkedArray | IntArray) -> dict[int, str]:
    """Return the texts of the numbers in some columns."""
    used = [np.unique(_numbers(column)) for column in columns]
    wanted = np.unique(np.concatenate([np.zeros(0, np.int32), *used]))
    return named_texts(connection, words.c.word, words.c.text, wanted[wanted > 0])


def _numbers(column: pa.ChunkedArray | IntArray) -> IntArray:
    if isinstance(column, pa.ChunkedArray):
        return np.asarray(column.fill_null(0).to_numpy(), np.int32)
    return column


def named_texts(
    connection: Readable, number: sa.Column[int], text: sa.Column[str], wanted: IntArray
) -> dict[int, str]:
    """Return texts of a table by their numbers."""
    found: dict[int, str] = {}
    columns: list[sa.ColumnElement[Any]] = [number, text]
    query: sa.Select[Any] = sa.select(*columns)
    for part in among(number, wanted) if len(wanted) else ():
        rows = read_table(connection, query.where(part), _TEXT)
        found.update(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    return found


def decode(numbers: pa.ChunkedArray | pa.Array, texts: Mapping[int, str]) -> pa.Array:
    """Return a column of numbers as texts, null for null."""
    column = numbers.combine_chunks() if isinstance(numbers, pa.ChunkedArray) else numbers
    encoded = column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.array([], pa.int32()).dictionary_encode()
    known = pa.array([texts[number] for number in encoded.dictionary.to_pylist()], pa.string())
    return known.take(encoded.indices)
