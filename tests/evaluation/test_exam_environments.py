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
RANDOM_MACE = """
import os, sys
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as mace itself does before it imports e3nn
import numpy as np
import torch
from e3nn import o3
from mace import modules
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
def embedding(classes, offset):
    return dict(type="categorical", per="graph", num_classes=classes, emb_dim=8, offset=offset)
block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = modules.ScaleShiftMACE(
    r_max=6.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=1, num_interactions=2, num_elements=2,
    interaction_cls=block, interaction_cls_first=block, hidden_irreps=o3.Irreps("8x0e"),
    MLP_irreps=o3.Irreps("8x0e"), atomic_energies=np.array([-13.6, -203.0]), avg_num_neighbors=2.0,
    atomic_numbers=[1, 3], correlation=2, gate=torch.nn.functional.silu, atomic_inter_scale=1.0,
    atomic_inter_shift=0.0, embedding_specs={"total_charge": embedding(201, 100), "total_spin": embedding(101, 0)},
)
torch.save(model, sys.argv[1])
"""
RANDOM_AIMNET = """
import pathlib, sys
import aimnet.models
import torch
import yaml
from aimnet.config import build_module
torch.manual_seed(0)
config = yaml.safe_load((pathlib.Path(aimnet.models.__file__).parent / "aimnet2.yaml").read_text())
config["kwargs"] |= {"num_charge_channels": int(sys.argv[2]), "hidden": [[32], [32], [32, 32]]}
del config["kwargs"]["outputs"]["lrcoulomb"]  # which the calculator adds itself
text = yaml.safe_dump(config, sort_keys=False)
torch.save(
    dict(format_version=2, model_yaml=text, cutoff=5.0, needs_coulomb=True, needs_dispersion=False,
         coulomb_mode="none", implemented_species=[1, 3],
         state_dict=build_module(yaml.safe_load(text)).state_dict()),
    sys.argv[1],
)
"""
RANDOM_FENNIX = """
import sys
import jax
from fennol import FENNIX
embedding = dict(
    module_name="CRATE", dim=16, nlayers=2, charge_embedding=True, embedding_key="embedding",
    species_encoding=dict(encoding="one_hot", zmax=10), radial_basis=dict(dim=6, basis="bessel"),
)
energy = dict(module_name="NEURAL_NET", neurons=[16, 1], input_key="embedding")
model = FENNIX(
    cutoff=5.0, rng_key=jax.random.PRNGKey(0), modules={"embedding": embedding, "energy": energy},
    energy_terms=["energy"],
)
model.save(sys.argv[1])
"""


def interpreter(package):
    variable = f"H2SCALE_{package.upper()}_PYTHON"
    path = os.environ.get(variable)
    return pytest.param(package, path, marks=pytest.mark.skipif(not path, reason=f"{variable} names no interpreter"))


def entry(name, python, **kwargs):
    known = registry.find(name, registry.load(), charge="", spin="", python=python)
    return models.Entry(name, known.entry, known.kwargs | kwargs, known.charge, known.spin, python, known.facts)


def make_random(python, program, *arguments):
    subprocess.run([python, "-c", program, *arguments], check=True, capture_output=True, timeout=300)


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
    make_random(python, RANDOM_ORB, str(weights))
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


@pytest.mark.parametrize(("package", "python"), [interpreter("mace")])
def test_mace_with_random_weights_is_conditioned_and_keeps_no_stale_answer(package, python, tmp_path):
    del package
    weights = str(tmp_path / "random.model")
    make_random(python, RANDOM_MACE, weights)
    mace = entry("mace-omol", python, model=weights)
    with models.WorkerModel(mace, LIMITS) as model:
        assert not model.failure
        assert model.environment["packages"]["mace-torch"] == "0.3.16"
        conditioning, part = witness.examine(model, mace)
        found = by_check(part)
        assert conditioning == ("", "")
        assert found["order of calls", "same answers in reversed order"].status == "pass"
        assert found["H2", "forces are minus the gradient"].status == "pass"
        assert found[CACHE].status == "pass"
        assert found["H2", "no cached answer for a changed spin"].status == "pass"
    # Under another key the charge is lost without a word, which is what the witness is for.
    lost = models.Entry("mace", mace.entry, mace.kwargs, "info:total_charge", mace.spin, python, mace.facts)
    with models.WorkerModel(lost, LIMITS) as model:
        assert "does not reach the model as info:total_charge" in witness.examine(model, lost)[0].charge


@pytest.mark.parametrize(("package", "python"), [interpreter("aimnet")])
@pytest.mark.parametrize(("name", "channels"), [("aimnet2", 1), ("aimnet2-nse", 2)])
def test_aimnet_with_random_weights_takes_charge_and_only_its_open_shell_form_spin(
    package, python, name, channels, tmp_path
):
    del package
    weights = str(tmp_path / "random.pt")
    make_random(python, RANDOM_AIMNET, weights, str(channels))
    aimnet = entry(name, python, base_calc=weights)
    with models.WorkerModel(aimnet, LIMITS) as model:
        assert not model.failure
        conditioning, part = witness.examine(model, aimnet)
        found = by_check(part)
        assert conditioning == ("", "" if channels == 2 else "the model takes no spin")
        assert found["order of calls", "same answers in reversed order"].status == "pass"
        assert found["H2", "forces are minus the gradient"].status == "pass"
        assert found[CACHE].status == "pass"


@pytest.mark.parametrize(("package", "python"), [interpreter("fennol")])
def test_fennix_with_random_weights_takes_charge_from_the_atoms_and_no_spin(package, python, tmp_path):
    del package
    weights = str(tmp_path / "random.fnx")
    make_random(python, RANDOM_FENNIX, weights)
    fennix = entry("fennix-bio1", python, model=weights)
    with models.WorkerModel(fennix, LIMITS) as model:
        assert not model.failure
        conditioning, part = witness.examine(model, fennix)
        found = by_check(part)
        assert conditioning == ("", "the model takes no spin")
        assert found["order of calls", "same answers in reversed order"].status == "pass"
        assert found["H2", "forces are minus the gradient"].status == "pass"
        assert found[CACHE].status == "pass"
