"""The ladder: training recovers what is there, the library is whole and leaks nothing, the stage writes its tables."""

import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale import runner, setting_checks
from h2scale.data import splits
from h2scale.errors import InputError
from h2scale.remedies import (
    corrections,
    fitting,
    ladder,
    library,
    library_files,
    member_files,
    potentials,
    rungs,
    tables,
)
from h2scale.report import remedy_page
from h2scale.runtime import tables as table_files


@pytest.fixture(scope="module")
def shipped():
    return library_files.load()


def synthetic(factor):
    """Molecules whose residual is a known factor, a function of the first input, times their amounts."""
    rng = np.random.default_rng(0)
    inputs, amounts = rng.normal(size=(40, 3, 2)), rng.uniform(0.5, 1.0, size=(40, 3, 1))
    residual = (amounts[..., 0] * factor(inputs[..., 0])).sum(axis=1)
    nothing = corrections.Rows(jnp.zeros((1, 1, 2), jnp.float32), jnp.zeros((1, 1, 1), jnp.float32))
    rows = corrections.Rows(jnp.asarray(inputs, jnp.float32), jnp.asarray(amounts, jnp.float32))
    composition = jnp.ones((40, 1), jnp.float32)
    own = jnp.asarray(residual, jnp.float32)
    return fitting.Task(rows, own, composition, nothing, jnp.full(1, jnp.nan, jnp.float32), jnp.arange(30, 40))


def population(seeds, rate=0.03):
    order = np.stack([np.random.default_rng(seed).permutation(30) for seed in seeds])
    number = len(seeds)
    return fitting.replicas(np.array(seeds), order, np.full(number, 30), np.full(number, rate), np.zeros(number))


SCHEDULE = fitting.Schedule(steps=400, structures_per_batch=16, evaluations=8)
FORM = corrections.Form(8, 2, 1, 1.0)


def test_training_finds_a_factor_that_is_there():
    task = synthetic(lambda x: 0.5 * np.tanh(x))
    fitted = fitting.fit(FORM, SCHEDULE, task, population([0, 1]))
    assert (np.asarray(fitted.validation_mae_ev) < 0.03).all()
    history = np.asarray(fitted.history_mae_ev)
    assert (history.min(axis=1) == np.asarray(fitted.validation_mae_ev)).all(), "the best parameters are kept"
    constant = fitting.fit(FORM._replace(width=0), SCHEDULE, task, population([0]))
    assert constant.validation_mae_ev[0] > 0.2, "a constant cannot know the input: this test checks nothing"


def test_replica_is_the_same_in_any_population_and_a_diverged_one_stays_alone():
    task = synthetic(lambda x: 0.5 * np.tanh(x))
    together = fitting.fit(FORM, SCHEDULE, task, population([0, 1]))
    broken = population([0, 1])._replace(learning_rate=jnp.asarray([0.03, jnp.nan], jnp.float32))
    beside = fitting.fit(FORM, SCHEDULE, task, broken)
    np.testing.assert_allclose(beside.validation_mae_ev[0], together.validation_mae_ev[0], rtol=1e-4)
    assert not np.isfinite(beside.validation_mae_ev[1])


def test_training_begins_at_the_base():
    task = synthetic(np.tanh)
    params = corrections.initial(FORM, jnp.asarray(np.zeros(2, np.uint32)))
    own = corrections.make_correction(FORM)(params, corrections.Rows(task.rows.inputs[0], task.rows.amounts[0]))
    assert float(own) == 0.0


def formula(geometry):
    return tuple(sorted(geometry.atomic_numbers))


def test_no_curve_molecule_is_among_the_molecules(shipped):
    judged = {formula(curve.points[0]) for curve in shipped.curves} | {(1, 1)}
    assert judged & {formula(one) for one in shipped.molecules} == set()
    assert formula(shipped.curves[0].points[0]) in judged, "this test compares nothing"


def test_molecules_are_of_trained_elements_and_small(shipped):
    assert {number for one in shipped.molecules for number in one.atomic_numbers} <= {1, 6, 7, 8, 9}
    assert max(sum(number > 1 for number in one.atomic_numbers) for one in shipped.molecules) <= 3


def test_curves_choose_nothing(shipped):
    """Other curves leave every member as it was: parameters, rates and widths."""
    side = potentials.divide(shipped, splits.SplitSettings(validation_fraction=0.15, test_fraction=0.2)).side
    small = shipped._replace(sides=tuple("train" if one == "unseen" else one for one in side.tolist()))
    spoiled = small._replace(
        curves=tuple(
            curve._replace(reference_ev=curve.reference_ev + np.linspace(0, 1, len(curve.points)))
            for curve in small.curves
        )
    )
    grid = ladder.Grid((2,), (10,), (0,), (0.01, 0.05), (0.0,), fitting.Schedule(steps=20, evaluations=2))
    orders = {0: small.indices("train")}
    (one,), (other,) = (ladder.train(rungs.LEARNED["pairs"], data, grid, orders) for data in (small, spoiled))
    assert one.learning_rate == other.learning_rate
    np.testing.assert_array_equal(one.params["Dense_0"]["kernel"], other.params["Dense_0"]["kernel"])
    right, wrong = (tables.member_row(one, data)[0] for data in (small, spoiled))
    assert right.test_kcal == wrong.test_kcal
    assert right.curves_kcal != wrong.curves_kcal


def test_members_belong_to_what_they_were_trained_on(shipped, tmp_path):
    """Members are read back for the same question alone: other labels or rates make another one."""
    sides = tuple("train" if place < 40 else "validation" for place in range(len(shipped.molecules)))
    data, rung = shipped._replace(sides=sides), rungs.LEARNED["pairs"]
    grid = ladder.Grid((0, 2), (10,), (0,), (0.01,), (0.0,), fitting.Schedule(steps=20, evaluations=2))
    orders = {0: data.indices("train")}
    key = member_files.question(rung, data, grid, orders)
    members = ladder.train(rung, data, grid, orders)
    member_files.save(tmp_path / "pairs.npz", members, key)
    for one, other in zip(members, member_files.load(tmp_path / "pairs.npz", rung, key), strict=True):
        np.testing.assert_array_equal(
            ladder.molecule_errors_ev(one, data), ladder.molecule_errors_ev(other, data), strict=True
        )
    first, *rest = data.molecules
    moved = data._replace(molecules=(first._replace(label=first.label + 0.01), *rest))
    others = (
        member_files.question(rung, moved, grid, orders),
        member_files.question(rung, data, grid._replace(learning_rates=(0.02,)), orders),
        member_files.question(rung, data, grid, {0: orders[0][::-1]}),
    )
    assert len({key, *others}) == 4
    assert all(member_files.load(tmp_path / "pairs.npz", rung, other) == [] for other in others)


def test_error_of_a_base_is_its_own(shipped):
    curves = {curve.system: curve for curve in shipped.curves}
    np.testing.assert_allclose(ladder.base_errors_ev("uccsd", curves["H2"]), 0, atol=1e-4)
    assert np.abs(ladder.base_errors_ev("uhf", curves["H2"])).max() > 1
    held = library.relative(shipped.atoms, shipped.atoms, "uccsd")
    np.testing.assert_allclose(held, 0, atol=1e-12)


def test_stage_writes_tables_page_and_models_and_continues(tmp_path, capsys, monkeypatch):
    config = config_lib.default()
    config.experiment = config.stage = "remedies"
    config.size = "smoke"
    config.data.update({"include_h2_equilibrium": False, "validation_fraction": 0.15, "test_fraction": 0.2})
    config.remedies.update({"rungs": ("pairs",), "widths": (0, 2), "num_train": (8, 14), "seeds": (0, 1)})
    config.remedies.update({"learning_rates": (0.02,), "weight_decays": (0.0,), "steps": 20, "cost_molecules": 1})
    path = runner.run(config_lib.resolve(config), str(tmp_path / "run"))
    members = table_files.read_table(path / "members.csv")
    assert (members["rung"] == "pairs").sum() == 8
    regions = table_files.read_table(path / "regions.csv")
    own = (regions["rung"] == "pairs") & (regions["region"] == "whole")
    assert set(regions["system"][own]) == {curve.system for curve in library_files.load().curves}
    assert "Trained on 14 equilibrium molecules" in (path / "sentence.md").read_text()
    assert (path / "report.html").exists()
    assert (path / "models" / "pairs.npz").exists()
    costs = {row["rung"]: float(row["seconds"]) for row in table_files.read_rows(path / "costs.csv")}
    assert costs["pairs"] == costs["uccsd"] > 0
    page = (path / "report.html").read_text()
    assert "seconds a molecule" in page
    assert "curves right in shape" in page
    assert "Tables, figure and page" in capsys.readouterr().out
    before = (path / "members.csv").read_bytes()
    monkeypatch.setattr(ladder, "train", lambda *_: pytest.fail("the rung was finished and is trained again"))
    runner.run(config_lib.resolve(config), str(path))
    assert (path / "members.csv").read_bytes() == before, "members come back from their file as they were"
    for name in ("regions.csv", "points.csv"):
        lines = (path / name).read_text().splitlines(keepends=True)
        (path / name).write_text("".join(line for line in lines if not line.startswith("pairs,")))
    assert "pairs has no number on any curve" in remedy_page.write(path), "a rung may have been asked no curve"


@pytest.mark.parametrize(
    ("labels", "curves", "said"),
    [
        ("none.h5", "", r"remedies: no dataset 'none.h5'"),
        ("ccsdt_ccpvdz", "nowhere", r"remedies: .*nowhere/curves\.csv"),
    ],
)
def test_data_that_are_not_there_are_named(labels, curves, said, tmp_path):
    config = config_lib.default()
    config.stage = "remedies"
    config.remedies.update({"labels": labels, "curves": curves})
    with pytest.raises(InputError, match=said):
        runner.run(config_lib.resolve(config), str(tmp_path / "run"))


def test_rung_that_does_not_exist_is_named():
    config = config_lib.default()
    config.remedies.rungs = ("pears",)
    with pytest.raises(InputError, match=r"config.remedies.rungs must be some of plain, "):
        config_lib.resolve(config)


def test_settings_know_every_rung():
    assert tuple(rungs.LEARNED) == setting_checks.RUNGS
