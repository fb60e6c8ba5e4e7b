"""Evaluation: clocks over columns, statuses, situations, judgement, and the working of every date."""
