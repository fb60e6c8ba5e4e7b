"""``python -m compliance_engine``: the command line."""

from compliance_engine.cli.main import main

main()
