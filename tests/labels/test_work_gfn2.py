"""Tight-binding tasks refuse what they must, under one cause each."""

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
from h2scale.data import rungs
from h2scale.labels import work_gfn2


def listed(*smiles, displacements=0):
    arguments = {"smiles": smiles, "displacements": displacements}
    return work_gfn2.tight_binding_listed(None, arguments, None, np.random.default_rng(0))


def test_failures_of_one_kind_share_one_cause(monkeypatch):
    monkeypatch.setattr(work_gfn2, "_STEPS", 1)
    failures = listed("CC", "CO").failures
    assert [failure.molecule for failure in failures] == ["CC", "CO"]
    assert {failure.cause for failure in failures} == {"relaxation unfinished"}
    assert all(failure.detail.startswith("a force of ") for failure in failures)


def test_a_molecule_is_displaced_and_h2_is_not():
    result = listed("O", rungs.H2_MOLECULE, displacements=3)
    assert not result.failures
    made = [(structure.molecule, structure.rung) for structure in result.structures]
    assert made[0] == ("O", "equilibrium")
    assert made[-1] == (rungs.H2_MOLECULE, "equilibrium")
    assert len(made) == 5
