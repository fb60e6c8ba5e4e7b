"""The judge's worker, except that one delay code makes durable-rules crash as it really does.

The crash is durable-rules' own: it takes the process down when the state of a session is deleted in which no
rule has fired.
"""

from __future__ import annotations

import contextlib
import sys

from durable.engine import MessageNotHandledException

from compliance_engine.engine import judge_worker

POISON = "POISON"


class Poisoned(judge_worker._Session):
    def _pass(self, fact):
        if fact["delay_code"] == POISON:
            self.crash()
        return super()._pass(fact)

    def crash(self):
        strangers = range(1_000_000, 1_000_004)
        for session in strangers:
            with contextlib.suppress(MessageNotHandledException):
                self.host.assert_fact(self.ruleset, {"id": 1, "sid": session, "matches": "nothing"})
        for session in strangers:
            self.host.delete_state(self.ruleset, session)


if __name__ == "__main__":
    judge_worker._Session = Poisoned
    sys.exit(judge_worker.main(sys.stdin, sys.stdout))
