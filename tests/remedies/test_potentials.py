"""Networks as rungs: one program judges a whole library as one geometry after another would be."""

import dataclasses

import jax
import numpy as np
import population_case
import pytest

from h2scale import units
from h2scale.evaluation.replica import Replica
from h2scale.models import flat
from h2scale.models import potential as potential_lib
from h2scale.remedies import library, library_files, potentials

SETTINGS = dataclasses.replace(population_case.SETTINGS, species=(1, 6, 7, 8, 9), conditioning="charge_spin")


@pytest.fixture(scope="module")
def data():
    whole = library_files.load()
    curves = tuple(curve for curve in whole.curves if curve.system in ("H2+", "two protons", "LiH"))
    return whole._replace(molecules=whole.molecules[:4], sides=whole.sides[:4], curves=curves)


@pytest.mark.parametrize("with_priors", [False, True])
def test_judge_of_all_at_once_is_that_of_one_after_another(data, with_priors):
    params = flat.flat_potential(potential_lib.make_potential(SETTINGS)).init(jax.random.key(1))
    potential = potentials.Potential(Replica(SETTINGS, params), with_priors)
    judged = potentials.make_judge(data)(potential)
    labels = library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV
    alone = [potentials.energy_ev(potential, own) for own in data.molecules]
    np.testing.assert_allclose(judged.molecules, alone - labels, atol=1e-4)
    for curve in data.curves:
        own = np.array([potentials.energy_ev(potential, point) for point in curve.points])
        own -= sum(potentials.energy_ev(potential, atom) for atom in curve.atoms) + curve.reference_ev
        np.testing.assert_allclose(judged.curves[curve.system], own, atol=1e-8)
    assert np.isnan(judged.curves["LiH"]).all(), "lithium is outside"
    bare = np.abs(judged.curves["two protons"]).max()
    assert bare < 1e-3 if with_priors else bare > 1
