"""Digests of districts: sums over the digests of their cases, so that what changed is taken away and added.

Four sums of 64 bits each, over every digest mixed in four ways. Early stores have digests of another form,
over the sorted digests of all cases; those can be checked, and not added to.
"""

from __future__ import annotations

import hashlib

import numpy as np

from compliance_engine.store.seals import Seals, mixed

_LANES = 4
_FORM = "sum:"


def lanes_of(digests: Seals) -> Seals:
    """Return the sums over the digests of some cases, uint64[4]."""
    return np.array(
        [
            np.add.reduce(mixed([digests, np.full(len(digests), lane, np.uint64)]), dtype=np.uint64)
            for lane in range(_LANES)
        ],
        np.uint64,
    )


def text_of(lanes: Seals) -> str:
    """Return the sums as a text."""
    return _FORM + "".join(f"{lane:016x}" for lane in lanes.tolist())


def can_be_added_to(text: str) -> bool:
    """Return whether a digest is one of sums."""
    return text.startswith(_FORM)


def lanes_from(text: str) -> Seals:
    """Return the sums that a text stands for."""
    content = text.removeprefix(_FORM)
    return np.array([int(content[at : at + 16], 16) for at in range(0, 16 * _LANES, 16)], np.uint64)


def stands_for(text: str, digests: Seals) -> bool:
    """Return whether a text is the digest of some cases."""
    if can_be_added_to(text):
        return text == text_of(lanes_of(digests))
    return text == hashlib.sha256(np.sort(digests).astype("<u8").tobytes()).hexdigest()
