"""Every setting of the project, with its unit and its allowed values; `resolve` checks and freezes them.

An experiment file starts from `default()` and changes what its question needs. Flags are applied after that, so
anything derived from a setting is computed in `resolve`, never in an experiment file.
"""

import difflib
from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

STAGES = ("scaling", "baselines", "exam")
SIZES = ("smoke", "default", "full")


def default() -> ConfigDict:
    """The whole vocabulary of settings, with the values that hold where an experiment says nothing."""
    return ConfigDict(
        {
            "experiment": "scaling",  # the question's name; names the workdir
            "size": "default",  # smoke, default or full; names the workdir
            "stage": "scaling",  # which pipeline runs: scaling, baselines or exam
            "data": {
                "dataset": "pbe0_def2svp",  # a shipped dataset's name, or the path of an .h5 file
                "include_h2_equilibrium": True,  # H2 at its bond length is in every training set
                "include_isolated_atoms": False,  # isolated atoms are in every training set
                "test_fraction": 0.1,  # of the molecules, held out for the in-distribution error
                "validation_fraction": 0.1,  # of the molecules, held out to choose the kept parameters
                "split_seed": 0,  # which molecules are held out; the same for every replica
            },
            "model": {
                "name": "nequip",  # nequip or schnet
                "num_layers": 2,  # interactions
                "l_max": 1,  # 0 to 3; highest degree of the hidden features (nequip)
                "cutoff": 5.0,  # angstrom
                "num_radial": 8,  # Bessel functions (nequip) or Gaussians (schnet)
                "radial_hidden_per_feature": 2.0,  # radial network's width divided by num_features
                "envelope_power": 6,  # polynomial envelope exponent
                "isolated_atom_exact": True,  # an atom without neighbours has exactly its reference energy
                "prior": "none",  # none, zbl or coulomb
                "conditioning": "none",  # none or charge_spin
                "convolution": "fast",  # fast or e3nn (the reference path)
            },
            "grid": {  # the replicas are the product of these
                "num_features": (4, 8, 16, 32),  # channels per degree
                "num_train": (30, 60, 120, 240),  # structures; nested prefixes of one permutation per seed
                "rungs": ("equilibrium", "thermal", "stretched"),  # data distributions; also h2
                "seeds": (0, 1),
                "learning_rates": (0.02,),  # peak of the schedule
            },
            "arms": {  # named grids; a key given here overrides `model` or `grid` in that arm alone
                "nequip": {"model": {}, "grid": {}},
            },
            "train": {
                "steps": 4000,
                "structures_per_batch": 16,  # a batch is filled up to this many average structures
                "warmup_fraction": 0.05,  # of the steps, linear; a cosine to zero follows
                "weight_decay": 0.0,  # decoupled, per unit of learning rate
                "ema_decay": 0.99,  # 0 switches averaging of the parameters off
                "energy_weight": 10.0,  # of the Huber loss of the energy per atom
                "force_weight": 1.0,  # of the Huber loss of the force components; 0 trains on energies only
                "energy_huber_ev_per_atom": 0.1,  # where the energy loss turns from quadratic to linear
                "force_huber_ev_per_angstrom": 1.0,  # where the force loss turns from quadratic to linear
                "gradient_clip": 10.0,  # global norm of the gradient
                "steps_per_call": 25,  # steps inside one compiled call; between calls progress is shown
            },
            "eval": {
                "every": 200,  # steps between evaluations: validation set, H2 curve, two protons
            },
            "devices": {
                "cpu_devices": 0,  # CPU devices that share the population; 0 means one per core
                "replicas_at_once": 0,  # replicas vectorised together on a device; 0 means 1 on a CPU, all on a GPU
                "compile_cache": True,  # keep compiled programs in the user's cache folder
            },
            "checkpoint": {
                "every": 1000,  # steps between checkpoints; a multiple of eval.every
                "keep": 2,  # checkpoints kept per bucket
            },
            "report": {
                "num_bootstrap": 2000,  # resamples behind every interval
            },
            "baselines": {  # physics without learning
                "num_distances": 64,  # geometric, 0.2 to 8 angstrom
                "basis": "cc-pvtz",  # of all methods but full CI
                "fci_bases": ("cc-pvdz", "cc-pvtz", "aug-cc-pvtz", "cc-pvqz"),  # full CI is done in each
                "workers": 0,  # single-threaded processes; 0 means one per core
            },
            "calculator": "",  # whom to examine, comma-separated: registry names, MODULE:FACTORY, WORKDIR#REPLICA_ID
            "python": "",  # interpreter that the examined calculators run in; empty for this one
            "exam": {
                "sections": ("nuclei", "hydrogen", "diatomics", "shapes"),  # asked in this order, after the witness
                "registry": "",  # a private registry, in the form of h2scale/evaluation/exam/registry.yaml
                "charge": "info:charge",  # how the charge reaches a calculator that is in no registry
                "spin": "info:spin",  # how the spin multiplicity does
                "load_seconds": 300.0,  # for loading a calculator
                "answer_seconds": 120.0,  # for one structure
                "model_seconds": 7200.0,  # for one model
            },
        }
    )


def resolve(config: ConfigDict) -> FrozenConfigDict:
    """The settings, checked and frozen; what only data or a model can judge is checked where those are made.

    Raises:
        ValueError: names the first setting that cannot be, what arrived and what would be right.
    """
    config = ConfigDict(config.to_dict())
    _require(config.stage in STAGES, "stage", config.stage, f"one of {', '.join(STAGES)}")
    _require(config.size in SIZES, "size", config.size, f"one of {', '.join(SIZES)}")
    for name in config.arms:
        _check_keys(config, f"arms.{name}")
    for name, arm in arm_settings(config):
        where = "" if len(config.arms) == 1 else f" (arm {name})"
        hidden = arm.model.radial_hidden_per_feature
        _require(hidden > 0, f"model.radial_hidden_per_feature{where}", hidden, "positive")
        _check_grid(arm.grid, f"grid{where}")
    _check_data(config.data)
    _check_train(config)
    _check_exam(config.exam)
    return FrozenConfigDict(config)


def arm_settings(config: ConfigDict | FrozenConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    """Each arm's name with its own `model` and `grid`: the shared ones, overridden by what the arm says."""
    for name in config.arms:
        arm = ConfigDict({"model": config.model.to_dict(), "grid": config.grid.to_dict()})
        arm.update(ConfigDict(config.arms[name].to_dict()))
        yield name, arm


def flatten(config: ConfigDict | FrozenConfigDict) -> dict[str, Any]:
    """Dotted key to value, tuples as lists: the form that is written to and compared with config.json."""
    flat: dict[str, Any] = {}

    def visit(node: dict[str, Any], prefix: str) -> None:
        for key, value in sorted(node.items()):
            if isinstance(value, dict):
                visit(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = list(value) if isinstance(value, tuple) else value

    visit(config.to_dict(), "")
    return flat


def closest_key(config: ConfigDict, key: str) -> str | None:
    """The existing dotted key that looks most like `key`, for the message about a misspelt override."""
    last_parts = {name.rsplit(".", 1)[-1]: name for name in flatten(config)}
    match = difflib.get_close_matches(key, flatten(config), n=1, cutoff=0.6)
    if not match:
        match = [last_parts[m] for m in difflib.get_close_matches(key.rsplit(".", 1)[-1], last_parts, n=1)]
    return match[0] if match else None


def _require(holds: bool, key: str, value: Any, right: str) -> None:
    if not holds:
        raise ValueError(f"config.{key} must be {right}; got {value!r}.")


def _check_keys(config: ConfigDict, where: str) -> None:
    arm = config.arms[where.split(".", 1)[1]]
    for section in arm:
        _require(section in ("model", "grid"), where, section, "made of the sections model and grid")
        for key in arm[section]:
            _require(
                key in config[section],
                f"{where}.{section}",
                key,
                f"made of keys of config.{section}: {list(config[section])}",
            )


def _check_grid(grid: ConfigDict, where: str) -> None:
    for key in ("num_features", "num_train", "rungs", "seeds", "learning_rates"):
        values = grid[key]
        _require(len(values) > 0, f"{where}.{key}", values, "a list of at least one value")
        _require(len(set(values)) == len(values), f"{where}.{key}", values, "free of repeated values")
    for key in ("num_features", "num_train", "seeds"):
        least = 0 if key == "seeds" else 1
        _require(
            all(isinstance(value, int) and value >= least for value in grid[key]),
            f"{where}.{key}",
            grid[key],
            f"whole numbers of at least {least}",
        )
    _require(
        all(isinstance(rate, int | float) and rate > 0 for rate in grid.learning_rates),
        f"{where}.learning_rates",
        grid.learning_rates,
        "positive numbers",
    )
    _require(all(isinstance(rung, str) for rung in grid.rungs), f"{where}.rungs", grid.rungs, "names of rungs")


def _check_exam(exam: ConfigDict) -> None:
    known = default().exam.sections
    _require(
        len(set(exam.sections)) == len(exam.sections) and set(exam.sections) <= set(known),
        "exam.sections",
        exam.sections,
        f"some of {', '.join(known)}",
    )
    for key in ("load_seconds", "answer_seconds", "model_seconds"):
        _require(exam[key] > 0, f"exam.{key}", exam[key], "positive")


def _check_data(data: ConfigDict) -> None:
    for key in ("test_fraction", "validation_fraction"):
        _require(0 < data[key] < 0.5, f"data.{key}", data[key], "between 0 and 0.5")


def _check_train(config: ConfigDict) -> None:
    train = config.train
    _require(train.steps >= 1, "train.steps", train.steps, "at least 1")
    _require(train.structures_per_batch >= 1, "train.structures_per_batch", train.structures_per_batch, "at least 1")
    _require(train.steps_per_call >= 1, "train.steps_per_call", train.steps_per_call, "at least 1")
    _require(0 <= train.warmup_fraction < 1, "train.warmup_fraction", train.warmup_fraction, "from 0 up to 1")
    _require(0 <= train.ema_decay < 1, "train.ema_decay", train.ema_decay, "from 0 up to 1")
    for key in ("energy_huber_ev_per_atom", "force_huber_ev_per_angstrom", "gradient_clip"):
        _require(train[key] > 0, f"train.{key}", train[key], "positive")
    for key in ("energy_weight", "force_weight", "weight_decay"):
        _require(train[key] >= 0, f"train.{key}", train[key], "zero or more")
    _require(
        train.energy_weight + train.force_weight > 0,
        "train.energy_weight",
        0.0,
        "positive where train.force_weight is 0",
    )
    every = config.eval.every
    _require(every >= 1, "eval.every", every, "at least 1")
    _require(train.steps % every == 0, "eval.every", every, f"a divisor of train.steps ({train.steps})")
    _require(
        every % train.steps_per_call == 0,
        "train.steps_per_call",
        train.steps_per_call,
        f"a divisor of eval.every ({every})",
    )
    _require(config.checkpoint.keep >= 1, "checkpoint.keep", config.checkpoint.keep, "at least 1")
    _require(
        config.checkpoint.every >= every and config.checkpoint.every % every == 0,
        "checkpoint.every",
        config.checkpoint.every,
        f"a multiple of eval.every ({every})",
    )
    for key in ("cpu_devices", "replicas_at_once"):
        _require(config.devices[key] >= 0, f"devices.{key}", config.devices[key], "0 (automatic) or more")
    _require(config.report.num_bootstrap >= 100, "report.num_bootstrap", config.report.num_bootstrap, "at least 100")
