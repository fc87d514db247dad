"""Each arm's populations are planned on its own data, switches and training settings."""

import dataclasses
import runpy
from pathlib import Path

import jax
import numpy as np
import population_case as case_lib
import pytest

from h2scale import config as config_lib
from h2scale.data import rungs, storage
from h2scale.errors import InputError
from h2scale.physics import curves, teachers
from h2scale.stages import scaling
from h2scale.study import planning, preparation, sources
from h2scale.training import population as population_lib

MODEL = {
    name: value
    for name, value in dataclasses.asdict(case_lib.SETTINGS).items()
    if name
    not in ("num_features", "radial_hidden", "species", "avg_num_neighbors", "energy_scale", "atomic_energies_ev")
}
GRID = dataclasses.replace(case_lib.ARM.grid, num_train=(12,))
PLAIN = dataclasses.replace(case_lib.ARM, name="plain", model=MODEL, grid=GRID)
ATOMS = ("[H]", "[C]", "[N]", "[O]", "[F]")


def changed(**changes):
    """The plain arm with other settings of some records."""
    records = {name: dataclasses.replace(getattr(PLAIN, name), **values) for name, values in changes.items()}
    return dataclasses.replace(PLAIN, name="other", **records)


OTHER = changed(
    training_set={"include_isolated_atoms": True, "include_h2_equilibrium": False, "pinned_share": 0.25},
    training={"energy_weight": 77.0, "structures_per_batch": 2, "steps": 40},
    split={"split_seed": 3, "max_held_out": 60},
)


def study_of(*arms):
    return dataclasses.replace(case_lib.STUDY, arms=arms)


@pytest.fixture(scope="module")
def assembled():
    """Plan of both arms, and each arm's assembled population by name."""
    study = study_of(PLAIN, OTHER)
    plan = planning.plan_study(study)
    mesh = population_lib.make_mesh(jax.devices()[:1])
    return plan, {
        population.arm: preparation.assemble(plan.sources[population.arm], population, study, mesh)
        for population in plan.populations
    }


def assert_settings_arrived(arm, plan, case):
    """Training settings, share of the draws, pinned structures and held-out sets of a population are its arm's."""
    divided = plan.sources[arm.name].divided
    assert divided.settings == arm.split, "the division is of another arm"
    assert case.settings.training == arm.training, "the training settings are of another arm"
    pinned = int(arm.training_set.include_h2_equilibrium) + 5 * arm.training_set.include_isolated_atoms
    np.testing.assert_array_equal(case.inputs.num_pinned, pinned)
    np.testing.assert_allclose(case.inputs.pinned_share, arm.training_set.pinned_share, rtol=1e-6)
    front = np.asarray(case.inputs.order)[:, :pinned]
    assert np.isin(divided.dataset.molecule[front], [rungs.H2_MOLECULE, *ATOMS]).all()
    (population,) = (one for one in plan.populations if one.arm == arm.name)
    assert {spec.steps for spec in population.replicas} == {arm.training.steps}


@pytest.mark.parametrize("arm", [PLAIN, OTHER], ids=lambda arm: arm.name)
def test_settings_of_an_arm_arrive_in_its_population(assembled, arm):
    plan, cases = assembled
    assert_settings_arrived(arm, plan, cases[arm.name])


def test_settings_of_the_other_arm_are_caught(assembled):
    """The control: each record that another arm overrides, put in one at a time."""
    plan, cases = assembled
    swapped = plan._replace(sources={"plain": plan.sources["other"], "other": plan.sources["plain"]})
    with pytest.raises(AssertionError, match="the division is of another arm"):
        assert_settings_arrived(PLAIN, swapped, cases["plain"])
    with pytest.raises(AssertionError, match="the training settings are of another arm"):
        assert_settings_arrived(PLAIN, plan, cases["other"])
    case = cases["other"]._replace(settings=cases["plain"].settings)
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        assert_settings_arrived(PLAIN, plan, case)


def test_limit_of_held_out_structures_decides_the_plans(assembled):
    _, cases = assembled
    taken = {name: int(np.sum(case.materials.validation.take[1])) for name, case in cases.items()}
    assert taken["other"] == 60
    assert taken["plain"] > 200


def test_nothing_pinned_takes_no_share_of_the_draws():
    arm = changed(training_set={"include_h2_equilibrium": False}, grid={"rungs": ("equilibrium",), "seeds": (0,)})
    study = study_of(arm)
    plan = planning.plan_study(study)
    (population,) = plan.populations
    mesh = population_lib.make_mesh(jax.devices()[:1])
    inputs = preparation.assemble(plan.sources["other"], population, study, mesh).inputs
    np.testing.assert_array_equal(inputs.num_pinned, 0)
    np.testing.assert_array_equal(inputs.pinned_share, 0)


def test_arms_of_the_same_data_share_them(assembled):
    plan, _ = assembled
    third = dataclasses.replace(PLAIN, name="third", training=OTHER.training)
    shared = planning.plan_study(study_of(PLAIN, third)).sources
    assert shared["plain"].divided is shared["third"].divided
    assert shared["plain"].simple is shared["third"].simple
    assert plan.sources["plain"].divided is not plan.sources["other"].divided


def test_description_names_every_rung_of_every_division_once(assembled):
    plan, _ = assembled
    lines = list(planning.describe(plan))
    assert len(lines) == len(set(lines)) == 4
    assert sum("stretched: train" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"num_train": (10_000,)}, r"config\.grid\.num_train must be between 2 and the \d+ training structures"),
        ({"num_train": (2,)}, "2 structures of rung equilibrium hold no"),
        ({"rungs": ("thermo",)}, "must be one of equilibrium, thermal, stretched, h2; got 'thermo'"),
    ],
)
def test_training_sets_that_cannot_be_had_are_refused(grid, message):
    with pytest.raises(InputError, match=message) as caught:
        planning.plan_study(study_of(changed(grid=grid)))
    assert "\n" not in str(caught.value)


def test_sizes_and_tuned_rates_of_a_rung_make_its_replicas():
    grid = {
        "num_train": (),
        "num_train_of": {"equilibrium": (12,), "stretched": (50, 100)},
        "learning_rates": (),
        "tuned": (("equilibrium", 2, 0.01), ("stretched", 2, 0.04), ("stretched", 3, 0.08)),
        "seeds": (0,),
    }
    (population,) = planning.plan_study(study_of(changed(grid=grid))).populations
    found = [(spec.rung, spec.num_train, spec.learning_rate, spec.steps) for spec in population.replicas]
    assert found == [
        ("equilibrium", 12, 0.01, 20),
        ("stretched", 50, 0.04, 20),
        ("stretched", 100, 0.04, 20),
    ]
    assert [spec.replica_id.split("-lr")[1] for spec in population.replicas] == ["0.01-s0", "0.04-s0", "0.04-s0"]


def test_shared_sizes_rates_and_lengths_win_over_those_of_a_rung():
    """A flag holds for every arm and rung, whatever the experiment file tuned."""
    grid = {
        "num_train": (30,),
        "num_train_of": {"equilibrium": (12,), "stretched": (50, 100)},
        "learning_rates": (0.02,),
        "tuned": (("equilibrium", 2, 0.01), ("stretched", 2, 0.04)),
        "steps": (40,),
        "seeds": (0,),
    }
    (population,) = planning.plan_study(study_of(changed(grid=grid))).populations
    found = [(spec.rung, spec.num_train, spec.learning_rate, spec.steps) for spec in population.replicas]
    assert found == [("equilibrium", 30, 0.02, 40), ("stretched", 30, 0.02, 40)]


def test_flags_hold_for_every_arm_of_the_default_study():
    """Settings of the command line are applied after the experiment file, in every arm."""
    experiment = Path(__file__).parents[2] / "experiments" / "scaling.py"
    config = runpy.run_path(str(experiment))["get_config"]("default")
    config.data.dataset = str(case_lib.LABELS)
    config.grid.num_train, config.grid.rungs, config.train.steps = (40, 80), ("equilibrium",), 200
    plan = planning.plan_study(scaling.study_settings(config_lib.resolve(config)))
    specs = [spec for population in plan.populations for spec in population.replicas]
    assert {population.arm for population in plan.populations} == {"nequip", "nequip_zbl", "schnet"}
    assert {(spec.rung, spec.num_train, spec.steps) for spec in specs} == {
        ("equilibrium", 40, 200),
        ("equilibrium", 80, 200),
    }


@pytest.fixture(scope="module")
def thermal(tmp_path_factory):
    """A set of one rung alone, without a curve of H2."""
    labels = storage.load_dataset(case_lib.LABELS)
    path = tmp_path_factory.mktemp("thermal") / "thermal.h5"
    storage.save_dataset(path, labels.select(np.flatnonzero(labels.rung == "thermal")))
    return path


def of_one_rung(thermal, teacher_curve="dataset", **grid):
    grid = dataclasses.replace(PLAIN.grid, **{"num_train": (40,), **grid})
    return dataclasses.replace(PLAIN, dataset=str(thermal), grid=grid, teacher_curve=teacher_curve)


def test_a_set_without_minima_is_planned(thermal):
    (population,) = planning.plan_study(study_of(of_one_rung(thermal, rungs=("thermal",)))).populations
    assert np.isfinite(population.settings.energy_scale)
    assert population.settings.avg_num_neighbors > 1


def test_automatic_rungs_are_those_that_the_data_hold(thermal):
    arm = of_one_rung(thermal, rungs=("auto",), num_train=("auto",))
    (population,) = planning.plan_study(study_of(arm)).populations
    assert {spec.rung for spec in population.replicas} == {"thermal"}
    sizes = sorted({spec.num_train for spec in population.replicas})
    assert sizes == [2**power for power in range(4, 4 + len(sizes))]
    grid = {"rungs": ("auto",), "num_train": (100,)}
    (population,) = planning.plan_study(study_of(changed(grid=grid))).populations
    assert {spec.rung for spec in population.replicas} > {"equilibrium", "stretched"}


@pytest.mark.parametrize("asked", ["equilibrium", "stretched"])
def test_a_rung_that_the_data_do_not_hold_is_refused_with_those_that_they_do(thermal, asked):
    with pytest.raises(InputError, match=rf"must be made of rungs that .*thermal\.h5 holds, thermal; got '{asked}'"):
        planning.plan_study(study_of(of_one_rung(thermal, rungs=(asked,))))


def test_a_curve_that_the_data_lack_is_left_out_or_computed(thermal, monkeypatch):
    """Computed by PySCF at the level of the data; here at a cheaper one in its place."""
    solved = []

    def solve(symbols, method, basis, distances_bohr, **options):
        solved.append((symbols, method, basis, len(distances_bohr)))
        return own(symbols, "hf", "sto-3g", distances_bohr, **options)

    own = teachers.teacher_curve
    monkeypatch.setattr(teachers, "teacher_curve", solve)
    plain = planning.plan_study(study_of(of_one_rung(thermal, rungs=("thermal",)))).sources["plain"]
    assert not np.isfinite(plain.references.teacher_ev).any()
    assert plain.facts["teacher_curve"] == sources.NO_CURVE
    assert not solved
    arm = of_one_rung(thermal, "auto", rungs=("thermal",))
    found = planning.plan_study(study_of(arm)).sources["plain"]
    assert solved == [(("H", "H"), "pbe0", "def2-svp", len(curves.H2_TEST_DISTANCES_ANGSTROM))]
    assert found.facts["teacher_curve"] == "computed by PySCF"
    assert found.facts["teacher_curve_provenance"]["basis"] == "sto-3g"
    assert -5.1 < np.min(found.references.teacher_ev) < -4.9  # H2 at HF/STO-3G, unrestricted atoms apart


def test_a_curve_of_a_level_that_pyscf_cannot_do_is_refused(thermal, tmp_path):
    labels = storage.load_dataset(thermal)
    path = tmp_path / "other.h5"
    storage.save_dataset(path, dataclasses.replace(labels, manifest={**labels.manifest, "level": "g4(mp2)"}))
    with pytest.raises(InputError, match=r"data\.teacher_curve must be dataset, since PySCF cannot do g4\(mp2\)"):
        planning.plan_study(study_of(of_one_rung(path, "auto", rungs=("thermal",))))
