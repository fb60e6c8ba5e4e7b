"""What durable-rules 2.0.28 does outside the judge's narrow use, each shown in a child process.

A test that fails here says that durable-rules has changed: read docs/findings.md, and loosen or keep the
guard it names. The judge's side of each guard is tested in test_judge.py and test_judge_worker.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

PRELUDE = """
import datetime, threading, time
from durable.engine import Host, MessageNotHandledException, MessageObservedException
fired = []
class Quiet(Host):
    def _run(self): return
def noting(name): return lambda context: fired.append(name)
def rule(condition, name='r'): return {'all': [{'m': condition}], 'run': noting(name)}
def host(*conditions, kind=Quiet):
    return kind({'f': {f'r{number}': rule(each, f'r{number}') for number, each in enumerate(conditions)}})
def holds(condition, fact):
    fired.clear()
    host(condition, {'asked': 1}).assert_fact('f', {'id': 1, 'sid': 1, 'asked': 1, **fact})
    return 'r0' in fired
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", PRELUDE + textwrap.dedent(program)]
    env = os.environ | environment
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=120, env=env)


def output(program: str) -> str:
    ended = run(program)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_none_does_not_withdraw_a_match_when_the_negating_fact_comes_later():
    program = """
        late = {'all': [{'a': {'type': 'late'}}, {'b$not': {'type': 'excuse'}}], 'run': noting('late')}
        either = rule({'$ex': {'type': 1}}, 'any')
        Quiet({'f': {'late': late, 'any': either}}).assert_facts('f', [
            {'id': 1, 'sid': 1, 'type': 'late'}, {'id': 2, 'sid': 1, 'type': 'excuse'}])
        print('late' in fired)
    """
    assert output(program) == "True"


def test_deleting_the_state_of_a_session_without_a_fired_rule_kills_the_process():
    program = """
        h = host({'a': 1})
        for session in range(1, 5):
            try: h.assert_fact('f', {'id': 1, 'sid': session, 'a': 2})
            except MessageNotHandledException: pass
        for session in range(1, 5): h.delete_state('f', session)
    """
    assert run(program, MALLOC_PERTURB_="165").returncode < 0


def test_deleting_the_state_of_a_session_in_which_a_rule_fired_is_safe_a_thousand_times():
    program = """
        h = host({'asked': 1})
        for session in range(1, 1500):
            h.assert_fact('f', {'id': 1, 'sid': session, 'asked': 1})
            h.delete_state('f', session)
        print(len(fired))
    """
    assert output(program) == "1499"


def test_more_than_1024_live_sessions_are_refused():
    program = """
        h = host({'a': 1})
        for session in range(1, 1100):
            try: h.assert_fact('f', {'id': 1, 'sid': session, 'a': 1})
            except MemoryError: print(session); break
    """
    assert output(program) == "1025"


def test_an_unmatched_fact_raises_and_leaves_the_batch_to_another_thread():
    program = """
        facts = [{'id': 1, 'sid': 1, 'a': 1}, {'id': 2, 'sid': 1, 'a': 2}]
        try: host({'a': 1}, kind=Host).assert_facts('f', facts)
        except MessageNotHandledException: print(fired)
        deadline = time.monotonic() + 60
        while not fired and time.monotonic() < deadline: time.sleep(0.05)
        print(fired)
    """
    assert output(program) == "[]\n['r0']"


def test_an_exception_in_an_action_is_only_in_the_state():
    program = """
        def fails(context): raise ValueError('boom')
        h = Quiet({'f': {'r': {'all': [{'m': {'a': 1}}], 'run': fails}}})
        state = h.assert_fact('f', {'id': 1, 'sid': 1, 'a': 1})
        print('boom' in state['exception'])
    """
    assert output(program) == "True"


def test_equal_facts_without_an_id_are_taken_for_one():
    program = """
        h = host({'a': 1})
        h.assert_fact('f', {'a': 1})
        try: h.assert_fact('f', {'a': 1})
        except MessageObservedException: print('observed')
    """
    assert output(program) == "observed"


def test_different_ids_with_one_hash_are_taken_for_one_fact_and_for_one_session():
    program = """
        h = host({'a': 1})
        h.assert_fact('f', {'id': 'case-478212', 'sid': 1, 'a': 1})
        try: h.assert_fact('f', {'id': 'case-1221200', 'sid': 1, 'a': 1, 'b': 2})
        except MessageObservedException: print('observed')
        h.assert_fact('f', {'id': 1, 'sid': 'case-478212', 'a': 1})
        print(h.assert_fact('f', {'id': 2, 'sid': 'case-1221200', 'a': 1})['sid'])
    """
    assert output(program) == "observed\ncase-478212"


def test_a_date_cannot_be_in_a_fact():
    program = """
        try: host({'a': 1}).assert_fact('f', {'id': 1, 'sid': 1, 'a': 1, 'on': datetime.date(2026, 1, 1)})
        except TypeError as error: print(error)
    """
    assert output(program) == "Object of type date is not JSON serializable"


def test_an_oversized_fact_silently_drops_the_rest_of_its_batch():
    program = """
        large = {f'p{number}': number for number in range(300)}
        facts = [{'id': number, 'sid': 1, 'a': 1} for number in (1, 2, 3)]
        facts[1] |= large
        host({'a': 1}).assert_facts('f', facts)
        print(len(fired))
    """
    assert output(program) == "1"


def test_a_host_starts_two_threads_unless_it_is_kept_from_it():
    program = """
        host({'a': 1}); print(threading.active_count())
        host({'a': 1}, kind=Host); print(threading.active_count())
    """
    assert output(program) == "1\n3"


def test_true_one_and_the_text_one_are_equal_and_texts_are_at_least_numbers():
    program = """
        print(holds({'a': True}, {'a': 1}), holds({'a': 1}, {'a': '1'}), holds({'a': 'true'}, {'a': True}))
        print(holds({'$gte': {'a': 3}}, {'a': 'x'}))
    """
    assert output(program) == "True True True\nTrue"


def test_a_rule_on_any_id_matches_the_state_itself_and_fires_without_end():
    program = """
        import os
        def count(context):
            fired.append(1)
            if len(fired) == 1000: print('without end', flush=True); os._exit(0)
        h = Quiet({'f': {'r': {'all': [{'m': {'$ex': {'id': 1}}}], 'run': count}}})
        h.assert_fact('f', {'id': 1, 'sid': 1})
    """
    assert output(program) == "without end"


def test_rules_share_one_registry_in_the_language_module():
    program = """
        from durable import lang
        with lang.ruleset('one'): pass
        with lang.ruleset('two'): pass
        print(sorted(lang._rulesets))
    """
    assert output(program) == "['one', 'two']"
