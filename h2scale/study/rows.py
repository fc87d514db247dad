"""Rows of the result tables from the results of a trained population."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from h2scale.physics import curves
from h2scale.runtime import tables
from h2scale.study import replicas
from h2scale.training import population as population_lib
from h2scale.training import trainer

SCORED, NOT_CONDITIONED = "scored", "not conditioned"

# system: charge, spin multiplicity
_SYSTEMS = {"h2": (0, 1), "protons": (2, 1)}
_METRICS = tuple(
    name for name in tables.REPLICA_COLUMNS if name.startswith(("h2_", "test_")) or name == "protons_mae_ev"
)


class Described(NamedTuple):
    """Population with the columns of the tables that are known before training."""

    population: replicas.PopulationSpec
    teacher: str
    num_params: Sequence[int]  # one per replica, padding not counted
    train_flops: Sequence[float]  # one per replica, over its whole training, padding not counted
    num_unique_molecules: Sequence[int]  # one per replica


def replica_rows(described: Described, outcome: trainer.Outcome) -> Iterator[dict[str, object]]:
    """Yield one row of replicas.csv per replica; a diverged one has no metrics."""
    population = described.population
    total_steps = sum(spec.steps for spec in population.replicas)
    errors, physics = outcome.test.errors, outcome.test.physics
    for place, spec in enumerate(population.replicas):
        settings = spec.settings
        metrics = {name: physics[name][place] for name in _METRICS if name in physics}
        metrics |= {
            "test_energy_mae_ev_per_atom": errors.energy_mae_ev_per_atom[place],
            "test_force_mae_ev_per_angstrom": errors.force_mae_ev_per_angstrom[place],
            "test_energy_mae_ev": errors.energy_mae_ev[place],
        }
        finite = bool(outcome.finite[place])
        yield {
            "replica_id": spec.replica_id,
            "model": population.arm,
            "l_max": settings.l_max,
            "num_layers": settings.num_layers,
            "num_features": settings.num_features,
            "cutoff_angstrom": settings.cutoff,
            "num_params": described.num_params[place],
            "num_train": spec.num_train,
            "num_unique_molecules": described.num_unique_molecules[place],
            "rung": spec.rung,
            "teacher": described.teacher,
            "seed": spec.seed,
            "learning_rate": spec.learning_rate,
            "steps": spec.steps,
            "train_flops": described.train_flops[place],
            "train_seconds": round(outcome.seconds * spec.steps / total_steps, 3),
            "finite": finite,
            **{name: metrics[name] if finite else None for name in _METRICS},
            "protons_status": NOT_CONDITIONED if settings.conditioning == "none" else SCORED,
        }


def curve_rows(
    described: Described, outcome: trainer.Outcome, references: curves.References
) -> Iterator[dict[str, object]]:
    """Yield one row of curves.csv per finite replica, system and distance."""
    absent = np.full(len(references.protons_ev), np.nan)
    columns = {
        "h2": (references.distances_angstrom, references.exact_ev, references.fci_ev, references.teacher_ev),
        "protons": (references.protons_distances_angstrom, references.protons_ev, absent, absent),
    }
    for system, energies in outcome.test.energies.items():
        charge, spin_multiplicity = _SYSTEMS[system]
        for place, spec in enumerate(described.population.replicas):
            if not outcome.finite[place]:
                continue
            points = zip(*columns[system], energies[place], strict=True)
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
