"""Rows of the result tables from the results of a trained population."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from h2scale.data import partition, training_sets
from h2scale.evaluation import held_out
from h2scale.physics import charged_systems, curves
from h2scale.runtime import tables
from h2scale.study import replicas
from h2scale.study.settings import ArmSettings
from h2scale.study.sources import SimpleModels
from h2scale.training import population as population_lib
from h2scale.training import trainer

SCORED, NOT_CONDITIONED = "scored", "not conditioned"


class Described(NamedTuple):
    """Population with what its rows need and is known before training."""

    population: replicas.PopulationSpec
    arm: ArmSettings
    divided: partition.Partition
    num_params: Sequence[int]  # one per replica, padding not counted
    train_flops: Sequence[float]  # one per replica, over its whole training, padding not counted
    train: Sequence[np.ndarray]  # training structures of each replica
    simple: SimpleModels
    test_places: Mapping[str, np.ndarray]  # by rung, where `held_out.test_structures` stand among an outcome's slots


class Test(NamedTuple):
    """Errors of one replica on a group of held-out structures, beside those of simpler models."""

    side: str
    regime: str
    own: held_out.Errors
    zero: held_out.Errors
    ridge: held_out.Errors


def tests_of(described: Described, outcome: trainer.Outcome) -> list[list[Test]]:
    """Average every replica's errors on the test set of its rung, by side and regime; none for a diverged one."""
    found: list[list[Test]] = []
    for place, spec in enumerate(described.population.replicas):
        if not outcome.finite[place]:
            found.append([])
            continue
        slots = described.test_places[spec.rung]
        errors = outcome.structures
        energy, force = (np.ravel(values[place])[slots] for values in (errors.energy, errors.force))
        ridge = described.simple.ridge_energies(spec.rung, described.train[place])
        found.append(list(_tests(described.divided, spec.rung, energy, force, ridge)))
    return found


def replica_rows(
    described: Described, outcome: trainer.Outcome, tests: Sequence[Sequence[Test]]
) -> Iterator[dict[str, object]]:
    """Yield one row of replicas.csv per replica; a diverged one has no metrics."""
    population, arm = described.population, described.arm
    total_steps = sum(spec.steps for spec in population.replicas)
    for place, spec in enumerate(population.replicas):
        settings, finite = spec.settings, bool(outcome.finite[place])
        physics = {
            name: outcome.physics[name][place] if finite and name in outcome.physics else None
            for name in tables.PHYSICS_COLUMNS
        }
        yield {
            "replica_id": spec.replica_id,
            "model": settings.name,
            "arm": population.arm,
            "prior": settings.prior,
            "isolated_atom_exact": settings.isolated_atom_exact,
            "include_h2_equilibrium": arm.training_set.include_h2_equilibrium,
            "include_isolated_atoms": arm.training_set.include_isolated_atoms,
            "include_hydrogen_pairs": arm.training_set.include_hydrogen_pairs,
            "ions": arm.split.ions,
            "spin_states": arm.split.spin_states,
            "include_anions": arm.include_anions,
            "include_bare_nuclei": arm.training_set.include_bare_nuclei,
            "include_helium_with_proton": arm.training_set.include_helium_with_proton,
            "pinned_share": arm.training_set.pinned_share,
            "energy_weight": arm.training.energy_weight,
            "force_weight": arm.training.force_weight,
            "conditioning": settings.conditioning,
            "electrostatics": settings.electrostatics,
            "l_max": settings.l_max,
            "num_layers": settings.num_layers,
            "num_features": settings.num_features,
            "cutoff_angstrom": settings.cutoff,
            "num_params": described.num_params[place],
            "num_train": spec.num_train,
            "num_unique_molecules": training_sets.num_unique_molecules(described.divided, described.train[place]),
            "rung": spec.rung,
            "teacher": described.divided.dataset.manifest["level"],
            "seed": spec.seed,
            "learning_rate": spec.learning_rate,
            "steps": spec.steps,
            "train_flops": described.train_flops[place],
            "train_seconds": round(outcome.seconds * spec.steps / total_steps, 3),
            "finite": finite,
            "kept_step": outcome.kept_step[place] if finite else None,
            **_test_columns(tests[place]),
            **physics,
            "protons_status": SCORED if settings.takes_charge else NOT_CONDITIONED,
        }


def error_rows(described: Described, tests: Sequence[Sequence[Test]]) -> Iterator[dict[str, object]]:
    """Yield one row of errors.csv per finite replica, side and regime."""
    for spec, own in zip(described.population.replicas, tests, strict=True):
        for test in own:
            yield {
                "replica_id": spec.replica_id,
                "side": test.side,
                "regime": test.regime,
                **test.own._asdict(),
                "zero_energy_mae_ev": test.zero.energy_mae_ev,
                "zero_force_mae_ev_per_angstrom": test.zero.force_mae_ev_per_angstrom,
                "ridge_energy_mae_ev": test.ridge.energy_mae_ev,
            }


def _tests(
    divided: partition.Partition, rung: str, energy_error_ev: np.ndarray, force_mae: np.ndarray, ridge_ev: np.ndarray
) -> Iterator[Test]:
    indices = held_out.test_structures(divided, rung)
    ridge_error = ridge_ev - divided.dataset.energy[indices]
    for side, regime, places in held_out.groups(divided, indices):
        own = held_out.errors(divided, indices[places], energy_error_ev[places], force_mae[places])
        zero = held_out.zero_errors(divided, indices[places])
        # The regression predicts no forces.
        ridge = held_out.errors(divided, indices[places], ridge_error[places], np.full(len(places), np.nan))
        yield Test(side, regime, own, zero, ridge)


def _test_columns(tests: Sequence[Test]) -> dict[str, float | None]:
    """Columns of replicas.csv from the errors of one replica; without numbers for a diverged one."""
    of_side = {test.side: test for test in tests if test.regime == held_out.ALL}
    test, unseen = of_side.get("test"), of_side.get("unseen")
    return {
        "test_energy_mae_ev_per_atom": test and test.own.energy_mae_ev_per_atom,
        "test_force_mae_ev_per_angstrom": test and test.own.force_mae_ev_per_angstrom,
        "test_energy_mae_ev": test and test.own.energy_mae_ev,
        "test_energy_median_ae_ev": test and test.own.energy_median_ae_ev,
        "test_within_43_mev_share": test and test.own.within_43_mev_share,
        "zero_test_energy_mae_ev": test and test.zero.energy_mae_ev,
        "zero_test_force_mae_ev_per_angstrom": test and test.zero.force_mae_ev_per_angstrom,
        "ridge_test_energy_mae_ev": test and test.ridge.energy_mae_ev,
        "unseen_energy_mae_ev": unseen and unseen.own.energy_mae_ev,
    }


def curve_rows(
    described: Described, outcome: trainer.Outcome, references: curves.References
) -> Iterator[dict[str, object]]:
    """Yield one row of curves.csv per finite replica, system and distance."""
    for system, energies in outcome.energies.items():
        if system == "h2":
            charge, spin_multiplicity = 0, 1
            columns = [references.distances_angstrom, references.exact_ev, references.fci_ev, references.teacher_ev]
        else:
            known = charged_systems.SYSTEMS[system]
            charge, spin_multiplicity = known.charge, known.spin_multiplicity
            exact = charged_systems.exact_ev(system)
            absent = np.full(len(exact), np.nan)
            columns = [known.distances_angstrom, exact, absent, absent]
        for place, spec in enumerate(described.population.replicas):
            if not outcome.finite[place]:
                continue
            points = zip(*columns, energies[place], strict=True)
            for distance, exact_ev, fci_ev, teacher_ev, energy_ev in points:
                yield {
                    "replica_id": spec.replica_id,
                    "system": system,
                    "charge": charge,
                    "spin_multiplicity": spin_multiplicity,
                    "distance_angstrom": distance,
                    "energy_ev": energy_ev,
                    "exact_ev": exact_ev,
                    "fci_ev": fci_ev,
                    "teacher_ev": teacher_ev,
                }


def history_rows(
    population: replicas.PopulationSpec, history: np.ndarray, steps_per_evaluation: int
) -> Iterator[dict[str, object]]:
    """Yield one row of history.csv per replica and evaluation up to its end; without metrics once it has diverged.

    Args:
        population: the replicas of the history.
        history: (replicas, evaluations so far, metrics); NaN in the first metric after a divergence.
        steps_per_evaluation: steps between rows.
    """
    for spec, metrics in zip(population.replicas, history, strict=True):
        for evaluation, row in enumerate(metrics[: spec.steps // steps_per_evaluation], start=1):
            yield {
                "replica_id": spec.replica_id,
                "step": evaluation * steps_per_evaluation,
                **dict(zip(population_lib.HISTORY_METRICS, row, strict=True)),
                "finite": bool(np.isfinite(row[0])),
            }
