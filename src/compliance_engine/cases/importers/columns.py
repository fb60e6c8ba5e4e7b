"""Columns of text to typed columns: each distinct text is judged once, refusals are kept by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from compliance_engine.cases.importers.lines import LineNumbers, Refused
from compliance_engine.dates import NO_DAY, BoolArray, IntArray, parse_date, to_day

FIRST_YEAR, LAST_YEAR = 1950, 2100
NOT_RECORDED = np.int64(-(2**63))
Verdict = tuple[str, str]
"""An error code and a reason."""
FINE: Verdict = ("", "")

_OTHER_FORMS = {
    re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}"): "it looks like month/day/year",
    re.compile(r"[0-9]{8}"): "it looks like YYYYMMDD",
    re.compile(r"[0-9]{5}(\.[0-9]+)?"): "it looks like a spreadsheet's day number",
    re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*"): "it carries a time",
    re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}"): "it looks like day.month.year",
}


class Verdicts:
    """The first reason against each row of a chunk."""

    def __init__(self, lines: LineNumbers) -> None:
        self.lines = lines
        self._reasons: dict[Verdict, int] = {FINE: 0}
        self._of_row: IntArray = np.zeros(len(lines), dtype=np.int32)

    def mark(self, rows: BoolArray, code: str, reason: str) -> None:
        """Refuse the rows of a mask that are not refused yet."""
        number = self._reasons.setdefault((code, reason), len(self._reasons))
        self._of_row[rows & (self._of_row == 0)] = number

    def mark_words(self, words: Words, verdicts: Iterable[Verdict], missing: Verdict = FINE) -> None:
        """Refuse rows by the verdict on their word; `missing` is the verdict on rows without one."""
        numbers = np.asarray(
            [self._reasons.setdefault(verdict, len(self._reasons)) for verdict in (*verdicts, missing)],
            dtype=np.int32,
        )
        if numbers.any():
            found = numbers[words.codes]
            self._of_row = np.where(self._of_row == 0, found, self._of_row)

    @property
    def good(self) -> BoolArray:
        """Which rows are not refused."""
        rows: BoolArray = self._of_row == 0
        return rows

    def refused(self) -> list[Refused]:
        """Return the refused rows in line order."""
        reasons = list(self._reasons)
        rows = np.flatnonzero(self._of_row)
        pairs = zip(self.lines[rows].tolist(), self._of_row[rows].tolist(), strict=True)
        return [Refused(line, *reasons[number]) for line, number in pairs]


@dataclass(frozen=True, slots=True)
class Words:
    """A column as codes into its distinct texts, white space around them removed.

    Attributes:
        codes: int32[n]; len(words) where there is nothing.
        words: Distinct texts, in order of appearance; two may be equal but for white space.
    """

    codes: IntArray
    words: list[str]

    @classmethod
    def of(cls, column: pa.Array) -> Words:
        """Encode a column of texts; null and blank are nothing."""
        encoded = column.dictionary_encode()
        words = [word.strip() for word in encoded.dictionary.to_pylist()]
        codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.int32)
        if "" in words:
            blank = np.asarray([not word for word in words] + [True])
            codes = np.where(blank[codes], len(words), codes).astype(np.int32)
        return cls(codes, words)

    def judge(self, judge: Callable[[str], Verdict]) -> list[Verdict]:
        """Return the verdict on each word; a blank one is fine, no row has it."""
        return [judge(word) if word else FINE for word in self.words]


def read_days(column: pa.Array, verdicts: Verdicts, name: str, *, needed: bool) -> IntArray:
    """Return a column of dates as days, `NO_DAY` where there is none or it is refused."""
    words = Words.of(column)
    days = np.full(len(words.words) + 1, NO_DAY, dtype=np.int32)
    found: list[Verdict] = []
    for index, word in enumerate(words.words):
        day, verdict = _day(word, name)
        days[index] = day
        found.append(verdict if word else FINE)
    verdicts.mark_words(words, found, ("CE414", f"{name} is missing") if needed else FINE)
    result: IntArray = days[words.codes]
    return result


def _day(word: str, name: str) -> tuple[int, Verdict]:
    try:
        day = parse_date(word)
    except ValueError:
        looks = next((text for form, text in _OTHER_FORMS.items() if form.fullmatch(word)), "")
        if not looks and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
            return int(NO_DAY), ("CE415", f"{name} is not a day of the calendar")
        told = f"; {looks}" if looks else ""
        return int(NO_DAY), ("CE415", f"{name} is not a date written YYYY-MM-DD{told}")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        return int(NO_DAY), ("CE416", f"{name} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    return to_day(day), FINE


def read_moments(column: pa.Array, verdicts: Verdicts, name: str) -> npt.NDArray[np.int64]:
    """Return a column of moments as microseconds since 1970 (UTC), `NOT_RECORDED` where there is none.

    ``YYYY-MM-DDTHH:MM:SS`` with a zone (``Z``, ``+01:00``), or without one, taken as UTC; a date alone is its
    first moment. A column of Arrow timestamps is taken as it is.
    """
    if pa.types.is_timestamp(column.type):
        moments = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        taken: npt.NDArray[np.int64] = moments.fill_null(NOT_RECORDED.item()).to_numpy(zero_copy_only=False)
        return taken
    if column.null_count == len(column):
        return np.full(len(column), NOT_RECORDED)
    quick = _read_all(column)
    if quick is not None:
        return quick
    words = Words.of(column)
    table = np.full(len(words.words) + 1, NOT_RECORDED)
    found = [FINE] * len(words.words)
    for index, word in enumerate(words.words):
        if word:
            table[index], found[index] = _moment(word, name)
    verdicts.mark_words(words, found)
    result: npt.NDArray[np.int64] = table[words.codes]
    return result


def _read_all(column: pa.Array) -> npt.NDArray[np.int64] | None:
    """Read moments that all carry a zone, or all carry none; None when some text needs a closer look."""
    for zone in ("UTC", None):
        try:
            moments = column.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:
            continue
        years = pc.min_max(pc.year(moments))
        if years["min"].as_py() < FIRST_YEAR or years["max"].as_py() > LAST_YEAR:
            return None
        values: npt.NDArray[np.int64] = (
            moments.cast(pa.int64()).fill_null(NOT_RECORDED.item()).to_numpy(zero_copy_only=False)
        )
        return values
    return None


def _moment(word: str, name: str) -> tuple[int, Verdict]:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        form = "YYYY-MM-DDTHH:MM:SSZ"
        return int(NOT_RECORDED), ("CE428", f"{name} is not a moment written {form}")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return int(NOT_RECORDED), ("CE416", f"{name} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds, FINE


def read_ids(column: pa.Array, verdicts: Verdicts, name: str, *, needed: bool) -> pa.Array:
    """Return a column of identifiers without white space around them; blank becomes null."""
    trimmed = pc.utf8_trim_whitespace(column)
    blank = pc.fill_null(pc.equal(pc.binary_length(trimmed), 0), True)
    if needed:
        verdicts.mark(blank.to_numpy(zero_copy_only=False), "CE414", f"{name} is missing")
    long = pc.fill_null(pc.greater(pc.binary_length(trimmed), 200), False).to_numpy(zero_copy_only=False)
    if long.any():
        verdicts.mark(long, "CE414", f"{name} is longer than 200 bytes")
    if pc.any(blank).as_py():
        trimmed = pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)
    return trimmed
