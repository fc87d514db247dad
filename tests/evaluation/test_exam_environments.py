"""Real packages in interpreters of their own, where the environment variables name such: see BUILD.md for recipes.

Weights that have to be downloaded are replaced by random ones: keys, units and caches are the package's all the same.
"""

import os
import subprocess

import numpy as np
import pytest

from h2scale.evaluation.exam import hydrogen, models, references, registry, witness

LIMITS = models.TimeLimits(300.0, 120.0, 600.0)
CACHE = ("H2", "no cached answer for a changed charge")
RANDOM_ORB = """
import sys
import torch
from orb_models.forcefield import pretrained
torch.manual_seed(0)
model = pretrained.orb_v3_conservative_architecture(has_charge_spin_cond=True, has_stress=False)
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.05)  # some start at zero and would hide what depends on them
torch.save(model.state_dict(), sys.argv[1])
"""


def interpreter(package):
    variable = f"H2SCALE_{package.upper()}_PYTHON"
    path = os.environ.get(variable)
    return pytest.param(package, path, marks=pytest.mark.skipif(not path, reason=f"{variable} names no interpreter"))


def entry(name, python, **kwargs):
    known = registry.find(name, registry.load(), charge="", spin="", python=python)
    return models.Entry(name, known.entry, known.kwargs | kwargs, known.charge, known.spin, python, known.facts)


def by_check(part):
    return {(one.system, one.check): one for one in part.findings}


@pytest.mark.parametrize(("package", "python"), [interpreter("chgnet")])
def test_chgnet_answers_and_puts_h2_at_a_fifth_of_an_angstrom_below_two_atoms(package, python):
    chgnet = entry(package, python)
    with models.WorkerModel(chgnet, LIMITS) as model:
        assert not model.failure
        assert model.environment["packages"]["chgnet"] == "0.4.2"
        conditioning, part = witness.examine(model, chgnet)
        assert conditioning.charge == "the model takes no charge"
        assert by_check(part)["H2", "forces are minus the gradient"].status == "pass"
        near, atom = model.ask([models.dimer(1, 1, 0.2, 0, 1), models.atom(1, 0, 2)])
        assert near.energy < 2 * atom.energy
        assert references.h2_ev(np.array([0.2]))[0] > 27
        assert by_check(hydrogen.examine(model, conditioning, ""))["H2", "wall: mean absolute error"].status == "fail"


@pytest.mark.parametrize(("package", "python"), [interpreter("tblite")])
def test_tight_binding_is_conditioned_and_refuses_to_lose_core_electrons(package, python):
    del package
    xtb = entry("gfn2-xtb", python)
    with models.WorkerModel(xtb, LIMITS) as model:
        conditioning, part = witness.examine(model, xtb)
        assert conditioning == ("", "")
        assert {one.status for one in part.findings} == {"pass"}
        bare = model.ask([models.dimer(1, 1, 1.0, 2, 1), models.dimer(3, 3, 1.0, 6, 1)])
        assert [answer.status for answer in bare] == ["ok", "refused"]
        assert "valence electrons only" in bare[1].reason


@pytest.mark.parametrize(("package", "python"), [interpreter("orb")])
def test_orb_with_random_weights_is_conditioned_and_keeps_a_stale_answer(package, python, tmp_path):
    del package
    weights = tmp_path / "random.ckpt"
    subprocess.run([python, "-c", RANDOM_ORB, str(weights)], check=True, capture_output=True, timeout=300)
    orb = entry("orb-v3-omol", python, weights=str(weights))
    with models.WorkerModel(orb, LIMITS) as model:
        assert not model.failure
        conditioning, part = witness.examine(model, orb)
        found = by_check(part)
        assert conditioning == ("", "")
        assert found["order of calls", "same answers in reversed order"].status == "pass"
        assert found["H2", "forces are minus the gradient"].status == "pass"
        # ASE's own comparison of structures does not look at `info`, and this calculator adds none.
        assert found[CACHE].status == "fail"
        assert "a cached answer is returned" in found[CACHE].reason
