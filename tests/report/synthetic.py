"""A workdir of plausible but invented tables: two models, some sizes, data sets, rungs and seeds.

The in-distribution error follows a known law; on rung `stretched` the H2 error is small, elsewhere it does not care
for scale. Nothing here is a result.
"""

import json
from pathlib import Path

import numpy as np

from h2scale.physics import curves
from h2scale.runtime import tables

DISTANCES = curves.H2_TEST_DISTANCES_ANGSTROM
SIZES = {"nequip": (4, 8, 16, 32), "schnet": (8, 16, 32, 64)}
NUM_TRAIN = (30, 60, 120, 240)
RUNGS = ("equilibrium", "thermal", "stretched")
ZERO_EV, ZERO_EV_PER_ANGSTROM, RIDGE_EV = 30.0, 0.5, 1.0  # errors of the simpler models, alike for every replica


def write_workdir(
    workdir: Path,
    *,
    models: tuple[str, ...] = ("nequip", "schnet"),
    num_sizes: int = 4,
    num_data: int = 4,
    rungs: tuple[str, ...] = RUNGS,
    num_seeds: int = 2,
    num_diverged: int = 2,
    charged: bool = True,
    seed: int = 0,
) -> Path:
    """Writes every input of the report and returns the folder; `charged` makes schnet a charge-conditioned arm."""
    generator = np.random.default_rng(seed)
    exact = np.asarray(curves.h2_exact_ev(DISTANCES))
    teacher = exact + 0.25 * (1 - np.exp(-(((DISTANCES - 0.74) / 1.5) ** 2))) * np.exp(-DISTANCES / 9)
    replicas, points, history, errors = [], [], [], []
    for model in models:
        for num_features in SIZES[model][:num_sizes]:
            for num_train in NUM_TRAIN[-num_data:]:
                for rung in rungs:
                    for one_seed in range(num_seeds):
                        identity = f"{model}-c{num_features}-d{num_train}-{rung}-s{one_seed}"
                        num_params = 60 * num_features**2 + 400 * num_features
                        scored = charged and model == "schnet"
                        finite = len(replicas) >= num_diverged
                        base = _describe(identity, model, num_features, num_params, num_train, rung, one_seed, scored)
                        energies = _curve(exact, teacher, rung, num_params, num_train, generator)
                        protons = generator.uniform(10, 40) * np.exp(-DISTANCES / 1.1)
                        metrics = _metrics(energies, exact, teacher, num_params, num_train, rung, model, generator)
                        metrics |= _charged(protons) if scored else {}
                        if not finite:
                            metrics = dict.fromkeys(metrics)
                        kept = 1000 if finite else None
                        base |= {
                            "finite": finite,
                            "kept_step": kept,
                            "protons_status": "scored" if scored else "not conditioned",
                        }
                        replicas.append(base | metrics)
                        if finite:
                            points += _points(identity, "h2", 0, energies, exact, exact + 0.02, teacher)
                            if scored:
                                points += _points(identity, "protons", 2, protons, 14.39964548 / DISTANCES, None, None)
                        history += _history(identity, metrics, finite, generator)
                        errors += _errors(identity, metrics) if finite else []
    tables.append_rows(workdir / "replicas.csv", tables.REPLICA_COLUMNS, replicas)
    tables.append_rows(workdir / "errors.csv", tables.ERROR_COLUMNS, errors)
    tables.append_rows(workdir / "curves.csv", tables.CURVE_COLUMNS, points)
    tables.append_rows(workdir / "history.csv", tables.HISTORY_COLUMNS, history)
    config = {"experiment": "scaling", "size": "smoke", "grid.num_train": [30, 60], "grid.note": '<b>&"quoted"</b>'}
    (workdir / "config.json").write_text(json.dumps(config))
    environment = {"commit": "0" * 40, "python": "3.11.7", "packages": {"jax": "0.10.2"}, "devices": ["cpu"]}
    (workdir / "environment.json").write_text(json.dumps(environment))
    return workdir


def copy_workdir(source: Path, target: Path) -> Path:
    """A copy of a workdir's files without its figures."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    return target


def _describe(
    identity: str, model: str, num_features: int, num_params: int, num_train: int, rung: str, seed: int, charged: bool
) -> dict:
    return {
        "replica_id": identity,
        "model": model,
        "arm": model,
        "prior": "none",
        "isolated_atom_exact": True,
        "include_h2_equilibrium": True,
        "include_isolated_atoms": False,
        "include_hydrogen_pairs": False,
        "ions": charged,
        "spin_states": charged,
        "include_anions": False,
        "include_bare_nuclei": False,
        "include_helium_with_proton": False,
        "pinned_share": 0.02,
        "energy_weight": 10.0,
        "force_weight": 1.0,
        "conditioning": "charge_spin" if charged else "none",
        "electrostatics": "none",
        "l_max": 1 if model == "nequip" else 0,
        "num_layers": 2,
        "num_features": num_features,
        "cutoff_angstrom": 5.0,
        "num_params": num_params,
        "num_train": num_train,
        "num_unique_molecules": num_train // 3,
        "rung": rung,
        "teacher": "pbe0/def2-svp",
        "seed": seed,
        "learning_rate": 0.01,
        "steps": 1000,
        "train_flops": 6.0 * num_params * 1e5,
        "train_seconds": 3.5,
    }


def _mae(energies: np.ndarray, reference: np.ndarray) -> float:
    return float(np.mean(np.abs(energies - reference)))


def _curve(
    exact: np.ndarray,
    teacher: np.ndarray,
    rung: str,
    num_params: int,
    num_train: int,
    generator: np.random.Generator,
) -> np.ndarray:
    bend = np.log(DISTANCES / 0.74)
    wiggle = sum(generator.normal(0, 1 / k) * np.sin(k * bend + generator.uniform(0, 6)) for k in (1, 2, 3))
    switch = np.where(DISTANCES < 5, 0.5 * (1 + np.cos(np.pi * DISTANCES / 5)), 0.0)
    if rung == "stretched":
        size = 0.9 * (num_params / 3e3) ** -0.2 * (num_train / 60) ** -0.3
        return teacher + size * wiggle * np.sqrt(switch)
    stiffness = 14 if rung == "thermal" else 7
    wrong = -4.6 + stiffness * bend**2 + 1.5 * wiggle * np.abs(bend)
    return np.clip(wrong, -8, 30) * switch


def _metrics(
    energies: np.ndarray,
    exact: np.ndarray,
    teacher: np.ndarray,
    num_params: int,
    num_train: int,
    rung: str,
    model: str,
    generator: np.random.Generator,
) -> dict:
    error = energies - exact
    regions = curves.regions(DISTANCES)
    beyond_wall = ~np.asarray(regions.wall)
    minimum = int(np.argmin(energies))
    level = {"equilibrium": 0.03, "thermal": 0.04, "stretched": 0.08}[rung] * (1 if model == "nequip" else 3)
    law = level * (0.08 + (num_params / 3e3) ** -0.45 + 1.5 * (num_train / 60) ** -0.5)
    noisy = law * np.exp(generator.normal(0, 0.08, 2))
    return {
        "test_energy_mae_ev_per_atom": noisy[0],
        "test_force_mae_ev_per_angstrom": 4 * noisy[1],
        "test_energy_mae_ev": 6 * noisy[0],
        "test_energy_median_ae_ev": 4 * noisy[0],
        "test_within_43_mev_share": float(np.exp(-6 * noisy[0])),
        "zero_test_energy_mae_ev": ZERO_EV,
        "zero_test_force_mae_ev_per_angstrom": ZERO_EV_PER_ANGSTROM,
        "ridge_test_energy_mae_ev": RIDGE_EV,
        "unseen_energy_mae_ev": 20 * noisy[0],
        "h2_mae_ev": float(np.mean(np.abs(error))),
        "h2_beyond_wall_mae_ev": float(np.mean(np.abs(error)[beyond_wall])),
        "h2_beyond_wall_teacher_mae_ev": _mae(energies[beyond_wall], teacher[beyond_wall]),
        "h2_zero_mae_ev": float(np.mean(np.abs(exact))),
        "h2_beyond_wall_zero_mae_ev": float(np.mean(np.abs(exact)[beyond_wall])),
        **{
            f"h2_{name}_mae_ev": float(np.mean(np.abs(error)[np.asarray(mask)]))
            for name, mask in regions._asdict().items()
        },
        "h2_teacher_mae_ev": _mae(energies, teacher),
        "h2_npe_ev": float(np.ptp(error)),
        "h2_bond_length_angstrom": float(DISTANCES[minimum]),
        "h2_well_depth_ev": float(-energies[minimum]),
        "h2_asymptote_error_ev": float(energies[-1]),
        "h2_size_consistency_error_ev": 0.0,
        "h2_num_minima": int(np.sum((energies[1:-1] < energies[:-2] - 1e-3) & (energies[1:-1] < energies[2:] - 1e-3))),
        "h2_wall_is_repulsive": bool(np.all(np.diff(energies[DISTANCES < 0.6]) < 0)),
        "protons_mae_ev": None,
        **dict.fromkeys(tables.CHARGED_COLUMNS),
    }


def _charged(protons: np.ndarray) -> dict:
    """Metrics of a replica that takes a charge, from a curve of two protons that is none."""
    error = _mae(protons, 14.39964548 / DISTANCES)
    others = {name: error * (1 + place / 9) for place, name in enumerate(tables.CHARGED_COLUMNS)}
    return {"protons_mae_ev": error, **others}


def _errors(identity: str, metrics: dict) -> list[dict]:
    """Rows of errors.csv: the test set has one regime, and one molecule is unseen."""
    rows = []
    for side, regime in (("test", "all"), ("test", "equilibrium"), ("unseen", "all"), ("unseen", "curve")):
        of_test = side == "test"
        energy = metrics["test_energy_mae_ev" if of_test else "unseen_energy_mae_ev"]
        rows.append(
            {
                "replica_id": identity,
                "side": side,
                "regime": regime,
                "num_structures": 80 if of_test else 40,
                "num_molecules": 80 if of_test else 1,
                "energy_mae_ev": energy,
                "energy_mae_ev_per_atom": energy / 6,
                "energy_median_ae_ev": 4 * energy / 6,
                "within_43_mev_share": float(np.exp(-energy)),
                "force_mae_ev_per_angstrom": metrics["test_force_mae_ev_per_angstrom"],
                "zero_energy_mae_ev": ZERO_EV,
                "zero_force_mae_ev_per_angstrom": ZERO_EV_PER_ANGSTROM,
                "ridge_energy_mae_ev": RIDGE_EV,
            }
        )
    return rows


def _points(
    identity: str,
    system: str,
    charge: int,
    energies: np.ndarray,
    exact: np.ndarray,
    fci: np.ndarray | None,
    teacher: np.ndarray | None,
) -> list[dict]:
    return [
        {
            "replica_id": identity,
            "system": system,
            "charge": charge,
            "spin_multiplicity": 1,
            "distance_angstrom": distance,
            "energy_ev": energies[i],
            "exact_ev": exact[i],
            "fci_ev": None if fci is None else fci[i],
            "teacher_ev": None if teacher is None else teacher[i],
        }
        for i, distance in enumerate(DISTANCES)
    ]


def _history(identity: str, metrics: dict, finite: bool, generator: np.random.Generator) -> list[dict]:
    rows = []
    for step in range(100, 1001, 100):
        fade = (step / 1000) ** -0.7 * np.exp(generator.normal(0, 0.05))
        physics = {name: metrics[name] for name in tables.HISTORY_COLUMNS if name in metrics}
        h2 = {name: None if value is None else value * (0.7 + 0.3 * fade) for name, value in physics.items()}
        validation = {
            f"validation_{name}": metrics[f"test_{name}"] * fade if finite else None
            for name in ("energy_mae_ev_per_atom", "force_mae_ev_per_angstrom")
        }
        row = {"replica_id": identity, "step": step, "train_loss": 0.1 * fade if finite else None, "finite": finite}
        rows.append(row | validation | h2)
    return rows
