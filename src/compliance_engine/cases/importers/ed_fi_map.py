"""What the elements of Ed-Fi 5.2 say in words of our event catalogue. See ``docs/cases.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from compliance_engine.cases.catalogue import Program

SPECIAL_EDUCATION = "StudentSpecialEducationProgramAssociation"
ELIGIBILITY = "StudentSpecialEducationProgramEligibilityAssociation"
SECTION_504 = "StudentSection504ProgramAssociation"
STUDENT = "Student"
RECORDS = (STUDENT, SPECIAL_EDUCATION, ELIGIBILITY, SECTION_504)

How = Literal["code", "bool", "purpose"]

_PURPOSES = {"initial_evaluation": "initial", "reevaluation": "reevaluation"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event that an element stands for.

    Attributes:
        element: The date element.
        event: The event it becomes.
        fixed: Attributes that follow from the element.
        from_elements: Attributes read from other elements of the record: name, element, how to read it.
        note: What the standard does not say and we assume.
        unless: Passed over where this element stands.
    """

    element: str
    event: str
    fixed: Mapping[str, Any] | None = None
    from_elements: tuple[tuple[str, str, How], ...] = ()
    note: str = ""
    unless: str = ""


_PURPOSE: tuple[str, str, How] = ("purpose", "EligibilityEvaluationType", "purpose")

EVENTS: Mapping[str, tuple[Mapped, ...]] = {
    SPECIAL_EDUCATION: (
        Mapped(
            "LastEvaluationDate",
            "evaluation_completed",
            note="the standard does not say whether it was the initial evaluation or a reevaluation",
        ),
        Mapped(
            "IEPReviewDate",
            "iep_meeting_held",
            {"purpose": "annual_review"},
            note="taken as the annual review; the standard only says that the IEP was reviewed",
        ),
        Mapped("IEPBeginDate", "iep_took_effect"),
        Mapped("BeginDate", "services_started", note="participation in the program is taken as its services"),
        Mapped(
            "SpecialEducationExitDate",
            "exited",
            from_elements=(("reason", "SpecialEducationExitReason", "code"),),
        ),
        Mapped(
            "EndDate",
            "exited",
            from_elements=(("reason", "ReasonExited", "code"),),
            note="the end of participation is taken as the exit where no exit date is given",
            unless="SpecialEducationExitDate",
        ),
    ),
    ELIGIBILITY: (
        Mapped("ConsentToEvaluationDate", "consent_to_evaluate_given", from_elements=(_PURPOSE,)),
        Mapped("ConsentToEvaluationReceivedDate", "consent_to_evaluate_received", from_elements=(_PURPOSE,)),
        Mapped(
            "EligibilityEvaluationDate",
            "evaluation_completed",
            from_elements=(_PURPOSE,),
            note="the written report is taken as the completion of the evaluation too",
        ),
        Mapped("EligibilityEvaluationDate", "evaluation_report_completed", from_elements=(_PURPOSE,)),
        Mapped("EligibilityConferenceDate", "eligibility_meeting_held", from_elements=(_PURPOSE,)),
        Mapped(
            "EligibilityDeterminationDate",
            "eligibility_determined",
            from_elements=(_PURPOSE, ("eligible", "IDEAIndicator", "bool")),
        ),
        Mapped("TransitionNotificationDate", "part_c_notification_received"),
        Mapped("TransitionConferenceDate", "transition_conference_held"),
    ),
    SECTION_504: (
        Mapped("Section504MeetingDate", "section_504_meeting_held"),
        Mapped(
            "Section504EligibilityDecisionDate",
            "section_504_eligibility_determined",
            from_elements=(("eligible", "Section504Eligibility", "bool"),),
        ),
        Mapped("EndDate", "exited", from_elements=(("reason", "ReasonExited", "code"),)),
    ),
}
"""By record; an element that is absent gives no event."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    STUDENT: (),
    SPECIAL_EDUCATION: ("BeginDate",),
    ELIGIBILITY: ("ConsentToEvaluationReceivedDate",),
    SECTION_504: (),
}
"""Elements without which a record is refused."""

PART_C_DATES = ("TransitionNotificationDate", "TransitionConferenceDate")
PROGRAM: Mapping[str, Program] = {
    SPECIAL_EDUCATION: "idea_b",
    ELIGIBILITY: "idea_b",
    SECTION_504: "section_504",
}
PART_C_EVENTS = frozenset({"part_c_notification_received", "transition_conference_held"})

DELAYS: tuple[tuple[str, str, str], ...] = (
    ("EvaluationDelayReason", "EligibilityEvaluationDate", "evaluation"),
    ("EligibilityDelayReason", "EligibilityDeterminationDate", "eligibility"),
)
"""Delay reasons: element, the element that dates it, the duty it speaks of."""

CASE_FACTS = (
    ("placement", "SpecialEducationSetting"),
    ("category", "Disability"),
    ("category", "Section504Disability"),
)


def code_of(descriptor: str) -> str:
    """Return a descriptor's code value as a lower-case word: ``…#Transferred out`` is transferred_out."""
    value = descriptor.rpartition("#")[2]
    return re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")


def purpose_of(descriptor: str) -> str | None:
    """Return initial or reevaluation, or None for another kind of evaluation."""
    return _PURPOSES.get(code_of(descriptor))


def bool_of(text: str) -> bool | None:
    """Return the truth an XML boolean states, or None if it is none."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text)
