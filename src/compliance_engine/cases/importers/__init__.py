"""Readers of case histories: the canonical folder and Ed-Fi.

Every row is accepted or quarantined with its place and reason; none is lost, and none stops the rest.
"""

from compliance_engine.cases.importers.ed_fi import EdFiOptions, read_ed_fi
from compliance_engine.cases.importers.folder import read_folder
from compliance_engine.cases.importers.outcome import Imported, QuarantinedRow, write_quarantine

__all__ = ["EdFiOptions", "Imported", "QuarantinedRow", "read_ed_fi", "read_folder", "write_quarantine"]
