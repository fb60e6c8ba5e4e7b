"""Compliance Engine: due dates and violations under IDEA and Section 504, with their working."""

__version__ = "0.1.0"
