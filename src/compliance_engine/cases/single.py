"""A batch of one case, made without Arrow: a preview should not wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from compliance_engine.cases.attributes import MISSING_INT, AttributeTexts, vocabularies
from compliance_engine.cases.catalogue import canonical_json
from compliance_engine.cases.columns import CaseBatch, case_attributes, event_columns
from compliance_engine.cases.event_text import WrittenEvent
from compliance_engine.dates import NO_DAY, to_day

Facts = Mapping[str, bool | int | str]


def batch_of_one(
    case_id: str,
    *,
    state: str,
    program: str,
    district: str,
    calendar: str | None,
    birth_date: date | None,
    grade: int | None,
    facts: Facts,
    events: Sequence[WrittenEvent],
    where: str = "case",
) -> CaseBatch:
    """Return one case as a batch, the same as `cases.batch.build_batch` makes of it.

    Raises: CaseProblem for an unknown event or an attribute that does not fit.
    """
    own = _texts([facts], f"{where}: cases")
    texts = _texts([event.attributes for event in events], f"{where}: events")
    vocab = vocabularies([own, texts])
    codes = {name: {text: code for code, text in enumerate(words)} for name, words in vocab.items()}
    words = sorted({event.event for event in events})
    return CaseBatch(
        case_id=np.array([case_id], dtype=object),
        state=np.zeros(1, np.int32),
        program=np.zeros(1, np.int32),
        district=np.zeros(1, np.int32),
        calendar=np.array([-1 if calendar is None else 0], np.int32),
        calendar_refs=[] if calendar is None else [calendar],
        birth_day=np.array([NO_DAY if birth_date is None else to_day(birth_date)], np.int32),
        grade=np.array([MISSING_INT if grade is None else grade], np.int32),
        attributes=case_attributes(own, codes, f"{where}: cases"),
        events=event_columns(
            np.zeros(len(events), np.int32),
            np.array([words.index(event.event) for event in events], np.int32),
            words,
            np.array([to_day(event.occurred_on) for event in events], np.int32),
            texts,
            codes,
            1,
            where,
        ),
        vocab=vocab | {"state": [state], "program": [program], "district": [district]},
    )


def _texts(rows: Sequence[Facts], where: str) -> AttributeTexts:
    written = [canonical_json(row) for row in rows]
    texts = list(dict.fromkeys(text for text in written if text is not None))
    codes = [len(texts) if text is None else texts.index(text) for text in written]
    return AttributeTexts(texts, np.array(codes, np.int32), where)
