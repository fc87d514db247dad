"""Real packages in interpreters of their own, where the environment variables name such: see BUILD.md for recipes.

Weights that have to be downloaded are replaced by random ones: keys, units and caches are the package's all the same.
"""

import os
import subprocess

import numpy as np
import pytest

from h2scale.exam import conditioning_checks, models, registry, worker_model
from h2scale.exam.references import tables
from h2scale.exam.sections import hydrogen

LIMITS = worker_model.TimeLimits(300.0, 120.0, 600.0)
CACHE = ("H2", "no cached prediction for a changed charge")
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
heads = sys.argv[2:] or ["Default"]
block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = modules.ScaleShiftMACE(
    r_max=6.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=1, num_interactions=2, num_elements=2,
    interaction_cls=block, interaction_cls_first=block, hidden_irreps=o3.Irreps("8x0e"),
    MLP_irreps=o3.Irreps(f"{8 * len(heads)}x0e"), atomic_energies=np.array([[-13.6, -203.0]] * len(heads)),
    avg_num_neighbors=2.0, atomic_numbers=[1, 3], correlation=2, gate=torch.nn.functional.silu, heads=heads,
    atomic_inter_scale=[1.0] * len(heads), atomic_inter_shift=[0.0] * len(heads),
    embedding_specs={"total_charge": embedding(201, 100), "total_spin": embedding(101, 0)},
)
torch.save(model, sys.argv[1])
"""
RANDOM_MACE_POLAR = """
import os, sys
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # as mace itself does before it imports e3nn
import numpy as np
import torch
from e3nn import o3
from mace import modules
from mace.modules.extensions import PolarMACE
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = PolarMACE(
    r_max=6.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=1, num_interactions=2, num_elements=2,
    interaction_cls=block, interaction_cls_first=block, hidden_irreps=o3.Irreps("8x0e + 8x1o"),
    MLP_irreps=o3.Irreps("8x0e"), atomic_energies=np.array([[-13.6, -203.0]]), avg_num_neighbors=2.0,
    atomic_numbers=[1, 3], correlation=2, gate=torch.nn.functional.silu, atomic_multipoles_max_l=1,
    field_feature_max_l=1, include_electrostatic_self_interaction=True, add_local_electron_energy=True,
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

RANDOM_FAIRCHEM = """
import sys
import hydra
import torch
from fairchem.core.units.mlip_unit.api.inference import MLIPInferenceCheckpoint
torch.manual_seed(0)
config = dict(
    _target_="fairchem.core.models.base.HydraModel", pass_through_head_outputs=True,
    backbone=dict(
        model="fairchem.core.models.uma.escn_md.eSCNMDBackbone", sphere_channels=16, hidden_channels=16,
        edge_channels=16, lmax=1, mmax=1, num_layers=1, num_distance_basis=16, cutoff=6.0, otf_graph=True,
        always_use_pbc=False, direct_forces=False, dataset_mapping={"omol": "omol"},
    ),
    heads=dict(both=dict(module="fairchem.core.models.uma.escn_md.MLP_EFS_Head")),
)
def task(name, level, dim):
    unit = "fairchem.core.units.mlip_unit.mlip_unit."
    normalizer = "fairchem.core.modules.normalization.normalizer.Normalizer"
    return dict(
        _target_=unit + "Task", name=name, level=level, property=name, datasets=["omol"],
        out_spec=dict(_target_=unit + "OutputSpec", dim=dim, dtype="float32"),
        normalizer=dict(_target_=normalizer, mean=0.0, rmsd=1.0),
    )
inner = hydra.utils.instantiate(config)
for parameter in inner.parameters():
    torch.nn.init.normal_(parameter, std=0.3)  # some start at zero and would hide what depends on them
model = torch.optim.swa_utils.AveragedModel(inner)
tasks = [task("energy", "system", [1]), task("forces", "atom", [3])]
torch.save(MLIPInferenceCheckpoint(config, model.module.state_dict(), model.state_dict(), tasks), sys.argv[1])
"""
RANDOM_ACEFF = """
import sys
import torch
from torchmdnet.models.model import create_model
torch.manual_seed(0)
settings = dict(
    model="tensornet2", precision=32, embedding_dimension=16, num_layers=1, num_rbf=8, rbf_type="expnorm",
    trainable_rbf=False, activation="silu", cutoff_lower=0.0, cutoff_upper=5.0, max_z=20, max_num_neighbors=64,
    equivariance_invariance_group="O(3)", q_dim=8, atom_filter=-1, derivative=False, prior_model=None,
    output_model="Scalar", reduce_op="add", remove_ref_energy=True,
)
model = create_model(dict(settings))
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.3)  # some start at zero and would hide what depends on them
state = model.state_dict()
torch.save(dict(hyper_parameters=settings, state_dict={"model." + key: w for key, w in state.items()}), sys.argv[1])
"""


def interpreter(package):
    variable = f"H2SCALE_{package.upper()}_PYTHON"
    path = os.environ.get(variable)
    return pytest.param(package, path, marks=pytest.mark.skipif(not path, reason=f"{variable} names no interpreter"))


def entry(name, python, /, **kwargs):
    known = registry.find(name, registry.load(), charge="", spin="", python=python)
    return models.Entry(name, known.entry, known.kwargs | kwargs, known.charge, known.spin, python, known.facts)


def make_random(python, program, *arguments):
    subprocess.run([python, "-c", program, *arguments], check=True, capture_output=True, timeout=300)


def by_check(part):
    return {(one.system, one.check): one for one in part.findings}


def examine(examined):
    """Conditioning and findings of an entry that loads, predicts alike in any order and has its energy's forces."""
    with worker_model.WorkerModel(examined, LIMITS) as model:
        assert not model.failure
        conditioning, part = conditioning_checks.examine(model, examined)
    found = by_check(part)
    assert found["order of calls", "same predictions in reversed order"].status == "pass"
    assert found["H2", "forces are minus the gradient"].status == "pass"
    return conditioning, found


@pytest.mark.parametrize(("package", "python"), [interpreter("chgnet")])
def test_chgnet_loads_and_puts_h2_at_a_fifth_of_an_angstrom_below_two_atoms(package, python):
    chgnet = entry(package, python)
    with worker_model.WorkerModel(chgnet, LIMITS) as model:
        assert not model.failure
        assert model.environment["packages"]["chgnet"] == "0.4.2"
        conditioning, part = conditioning_checks.examine(model, chgnet)
        assert conditioning.charge == "the model takes no charge"
        assert by_check(part)["H2", "forces are minus the gradient"].status == "pass"
        near, atom = model.predict([models.dimer(1, 1, 0.2, 0, 1), models.atom(1, 0, 2)])
        assert near.energy < 2 * atom.energy
        assert tables.h2_ev(np.array([0.2]))[0] > 27
        assert by_check(hydrogen.examine(model, conditioning, ""))["H2", "wall: mean absolute error"].status == "fail"


@pytest.mark.parametrize(("package", "python"), [interpreter("tblite")])
def test_tight_binding_is_conditioned_and_refuses_to_lose_core_electrons(package, python):
    del package
    xtb = entry("gfn2-xtb", python)
    with worker_model.WorkerModel(xtb, LIMITS) as model:
        conditioning, part = conditioning_checks.examine(model, xtb)
        assert conditioning == ("", "")
        assert {one.status for one in part.findings} == {"pass"}
        bare = model.predict([models.dimer(1, 1, 1.0, 2, 1), models.dimer(3, 3, 1.0, 6, 1)])
        assert [prediction.status for prediction in bare] == ["ok", "refused"]
        assert "valence electrons only" in bare[1].reason


@pytest.mark.parametrize(("package", "python"), [interpreter("orb")])
def test_orb_with_random_weights_is_conditioned_and_keeps_a_stale_prediction(package, python, tmp_path):
    del package
    weights = tmp_path / "random.ckpt"
    make_random(python, RANDOM_ORB, str(weights))
    orb = entry("orb-v3-omol", python, weights=str(weights))
    conditioning, found = examine(orb)
    assert conditioning == ("", "")
    # ASE's own comparison of structures does not look at `info`, and this calculator adds none.
    assert found[CACHE].status == "fail"
    assert "a cached prediction is returned" in found[CACHE].reason


@pytest.mark.parametrize(("package", "python"), [interpreter("mace")])
@pytest.mark.parametrize(
    ("name", "program", "heads"),
    [
        ("mace-omol", RANDOM_MACE, ()),
        ("mace-mh", RANDOM_MACE, ("omat_pbe", "omol")),
        ("mace-polar", RANDOM_MACE_POLAR, ()),
    ],
)
def test_mace_with_random_weights_is_conditioned_and_keeps_no_stale_prediction(
    package, python, name, program, heads, tmp_path
):
    del package
    weights = str(tmp_path / "random.model")
    make_random(python, program, weights, *heads)
    mace = entry(name, python, model=weights)
    with worker_model.WorkerModel(mace, LIMITS) as model:
        assert not model.failure
        assert model.environment["packages"]["mace-torch"] == "0.3.16"
        conditioning, part = conditioning_checks.examine(model, mace)
        found = by_check(part)
        assert conditioning == ("", "")
        assert found["order of calls", "same predictions in reversed order"].status == "pass"
        assert found["H2", "forces are minus the gradient"].status == "pass"
        assert found[CACHE].status == "pass"
        assert found["H2", "no cached prediction for a changed spin"].status == "pass"
    # Under another key the charge is lost without a word, which is what the conditioning checks are for.
    lost = models.Entry("mace", mace.entry, mace.kwargs, "info:total_charge", mace.spin, python, mace.facts)
    with worker_model.WorkerModel(lost, LIMITS) as model:
        assert "does not reach the model as info:total_charge" in conditioning_checks.examine(model, lost)[0].charge


@pytest.mark.parametrize(("package", "python"), [interpreter("aimnet")])
@pytest.mark.parametrize(("name", "channels"), [("aimnet2", 1), ("aimnet2-nse", 2)])
def test_aimnet_with_random_weights_takes_charge_and_only_its_open_shell_form_spin(
    package, python, name, channels, tmp_path
):
    del package
    weights = str(tmp_path / "random.pt")
    make_random(python, RANDOM_AIMNET, weights, str(channels))
    aimnet = entry(name, python, base_calc=weights)
    conditioning, found = examine(aimnet)
    assert conditioning == ("", "" if channels == 2 else "the model takes no spin")
    assert found[CACHE].status == "pass"


@pytest.mark.parametrize(("package", "python"), [interpreter("fairchem")])
@pytest.mark.parametrize("name", ["uma-s-1p1", "esen-omol25"])
def test_fairchem_with_random_weights_is_conditioned_and_keeps_no_stale_prediction(package, python, name, tmp_path):
    del package
    weights = str(tmp_path / "random.pt")
    make_random(python, RANDOM_FAIRCHEM, weights)
    fairchem = entry(name, python, name=weights)
    conditioning, found = examine(fairchem)
    assert conditioning == ("", "")
    assert found[CACHE].status == "pass"
    # Isolated atoms are looked up in a table that comes with the weights, and random ones have none.
    atom = found["H", "an isolated atom has half the energy of a separated pair"]
    assert (atom.status, "no atom_refs available" in atom.reason) == ("refused", True)


FENNIX = ("fennix-bio1", RANDOM_FENNIX, "model", "random.fnx")
ACEFF = ("aceff", RANDOM_ACEFF, "model_file", "random.ckpt")


@pytest.mark.parametrize(
    ("package", "python", "name", "program", "argument", "file"),
    [
        pytest.param(*case.values, *model, marks=case.marks)
        for case, model in ((interpreter("fennol"), FENNIX), (interpreter("torchmdnet"), ACEFF))
    ],
)
def test_models_of_charge_without_spin_keep_no_stale_prediction(
    package, python, name, program, argument, file, tmp_path
):
    del package
    weights = str(tmp_path / file)
    make_random(python, program, weights)
    conditioning, found = examine(entry(name, python, **{argument: weights}))
    assert conditioning == ("", "the model takes no spin")
    assert found[CACHE].status == "pass"
