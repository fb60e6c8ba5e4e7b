"""The exit codes of every command."""

CLEAN = 0
FINDINGS = 1
BAD_INPUT = 2
