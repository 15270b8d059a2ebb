"""The order of errands: what may be done, and what is done first."""

import pytest

from merbench.execution.cluster.agenda import Agenda, apart
from merbench.execution.cost import Costs
from merbench.execution.engine import Work
from merbench.execution.plan import CellTask, make_plan
from merbench.store.store import Store
from merbench.suite.load import load_suite


@pytest.fixture
def work(merbench, tmp_path):
    """Of logreg (needs nothing), zero_fill (needs a stage) and mmin (trains from that stage)."""
    plan = make_plan(load_suite(merbench.suite()))
    return Work(plan.protocol, Store(tmp_path), plan.folds, plan.stages, plan.cells)


def names(agenda):
    found = []
    while (errand := agenda.next(alone=False)) is not None:
        found += [
            task.label if isinstance(task, CellTask) else task.stage.name for task in errand.tasks
        ]
    return found


def test_stages_come_first_and_what_needs_them_when_they_are_there(work):
    agenda = Agenda(work, Costs())
    assert names(agenda) == ["fusion", "fusion", "logreg", "logreg"]
    agenda.is_there(work.stages[0].key)
    assert sorted(names(agenda)) == ["mmin", "zero_fill"]
    agenda.is_there(work.stages[1].key)
    assert sorted(names(agenda)) == ["mmin", "zero_fill"]


def test_a_stage_that_was_there_before_the_run_is_not_waited_for(work):
    resumed = Work(work.protocol, work.store, work.folds, (), work.cells)
    assert sorted(names(Agenda(resumed, Costs()))) == sorted(c.label for c in work.cells)


def test_what_needs_a_failed_stage_is_dropped_and_nothing_else(work):
    agenda = Agenda(work, Costs())
    names(agenda)
    agenda.failed(work.stages[0].key)
    assert names(agenda) == []
    agenda.is_there(work.stages[1].key)
    assert sorted(names(agenda)) == ["mmin", "zero_fill"]


def test_long_cells_come_first_by_what_was_measured(work):
    costs, cells = Costs(), {cell.label: cell for cell in work.cells}
    for label, seconds in (("logreg", 10), ("zero_fill", 1000), ("mmin", 100)):
        costs.learn(cells[label], seconds)
    resumed = Work(work.protocol, work.store, work.folds, (), work.cells)
    assert names(Agenda(resumed, costs)) == [
        *["zero_fill"] * 2,
        *["mmin"] * 2,
        *["logreg"] * 2,
    ]


def test_cells_of_about_equal_cost_keep_the_order_of_their_folds(work):
    costs = Costs()
    for cell in work.cells:
        costs.learn(cell, {"logreg": 17, "zero_fill": 20, "mmin": 31}[cell.label])
    resumed = Work(work.protocol, work.store, work.folds, (), work.cells)
    agenda, folds = Agenda(resumed, costs), []
    while (errand := agenda.next(alone=False)) is not None:
        folds.append(errand.tasks[0].fold.name)
    assert folds == sorted(folds)


def test_a_suspect_waits_until_no_other_errand_is_in_anyone_s_hands(work):
    agenda = Agenda(work, Costs())
    first = agenda.next(alone=False)
    for single in apart(first):
        agenda.put(single)
    names(agenda)
    assert agenda.next(alone=False) is None
    assert agenda.next(alone=True).tasks == first.tasks
