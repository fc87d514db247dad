"""Every setting of the project, with its unit and its allowed values.

An experiment file starts from `default()` and changes what its question needs. Flags are applied after that, so
nothing is derived from a setting in an experiment file. A setting is checked by the record that its section is made
into: `training.settings`, `data.splits`, `models.settings`, `study.settings`, `runtime.devices`, `runtime.cluster`;
what spans sections, or belongs to one that no record is made of, in `setting_checks`.
"""

import difflib
from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from h2scale import setting_checks
from h2scale.errors import require

ARM_SECTIONS = ("data", "model", "grid", "train")


def default() -> ConfigDict:
    """Return all settings with the values that hold where an experiment says nothing."""
    return ConfigDict(
        {
            "experiment": "scaling",  # the question's name; names the workdir
            "size": "default",  # smoke, default, large or full; names the workdir
            "stage": "scaling",  # scaling, tuning, convergence, baselines, labels, exam, benchmark or remedies
            "data": {
                "dataset": "pbe0_def2svp",  # a shipped dataset's name, or the path of an .h5 file or a .shards folder
                "teacher_curve": "dataset",  # of H2: the dataset's, or auto, by PySCF at its level where it has none
                "elements": ("H", "C", "N", "O", "F"),  # structures that hold others are left out; () for none left out
                "include_h2_equilibrium": True,  # H2 at its bond length is in every training set
                "include_isolated_atoms": False,  # isolated atoms are in every training set
                "include_hydrogen_pairs": False,  # two hydrogens of a molecule pushed together are trained on
                "ions": False,  # those of one electron less, or one more where the basis is diffuse, are in every rung
                "spin_states": False,  # so are neutral structures in another than their ground state's spin
                "anions": "",  # a dataset with anions in a basis with diffuse functions, which held-out ones come from
                "dications": "",  # likewise with ions of charge 2, which are never trained on
                "include_anions": False,  # those anions are in every rung too
                "include_bare_nuclei": False,  # H+ and He2+ alone, at their analytic energy, are in training sets
                "include_helium_with_proton": False,  # pairs of He2+ and H+, likewise, are trained on: a control
                "pinned_share": 0.02,  # of the draws, of H2, isolated atoms and nuclei together, at every size
                "test_fraction": 0.1,  # of the molecules, held out for the in-distribution error
                "validation_fraction": 0.1,  # of the molecules, held out to choose the kept parameters
                "max_held_out": 600,  # structures of a rung and side in an evaluation, at most; 0 for all
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
                "conditioning": "none",  # what the embedding is told: none, charge_spin or spin
                "electrostatics": "none",  # none, or equilibrated: partial charges that add up to the total charge
                "convolution": "fast",  # fast or e3nn (the reference path)
            },
            "grid": {  # the replicas are the product of these
                "num_features": (4, 8, 16, 32),  # channels per degree
                "num_train": (30, 60, 120, 240, 480),  # structures, nested prefixes of one order; auto: powers of two
                "num_train_of": {  # sizes of each rung, where num_train is empty
                    "equilibrium": (),
                    "thermal": (),
                    "stretched": (),
                    "h2": (),
                },
                "rungs": ("equilibrium", "thermal", "stretched"),  # data distributions; also h2; auto: all of the data
                "seeds": (0, 1),
                "learning_rates": (0.02,),  # peak of the schedule; where empty, those of `tuned`
                "weight_decays": (),  # where empty, that of `train`
                "steps": (),  # lengths of training, each with a schedule of its own; where empty, that of `train`
                "tuned": (),  # (rung, num_features, learning rate), where learning_rates is empty
                "width_spread": 1.0,  # widths up to this factor apart share a program; 1 gives each its own
            },
            "arms": {  # named grids; what is given here overrides `data`, `model`, `grid` or `train` in that arm alone
                "nequip": {},
            },
            "train": {
                "steps": 4000,
                "structures_per_batch": 16,  # a batch is filled up to this many average structures
                "batches_per_step": 1,  # a step follows the mean gradient of so many batches
                "warmup_fraction": 0.05,  # of the steps, linear; a cosine to zero follows
                "weight_decay": 0.0,  # decoupled, per unit of learning rate
                "ema_decay": 0.99,  # 0 switches averaging of the parameters off
                "energy_weight": 30.0,  # of the Huber loss of the energy per atom
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
                "data_parallel": 1,  # so many devices share the batches of each replica; the rest splits the population
                "readers": 1,  # threads that read and lay out batches, where the dataset is in shards
                "compile_cache": True,  # keep compiled programs in the user's cache folder
                "distributed": {  # one run over several processes
                    "enabled": False,  # join the other processes of this run
                    "coordinator": "",  # HOST:PORT of process 0; empty where Slurm, Open MPI or a TPU pod tells
                    "num_processes": 0,  # 0 where the environment tells
                    "process_id": -1,  # -1 where the environment tells
                },
            },
            "launcher": "here",  # this process (here), or one job per population: local (this machine) or slurm
            "cluster": {  # resources of each job
                "partition": "",  # of Slurm; empty for its default
                "minutes": 240,  # wall time; a job that comes to its end is requeued and continues
                "cpus": 0,  # cores; 0 leaves it to Slurm
                "gpus": 0,  # GPUs
                "memory_gb": 0.0,  # 0 leaves it to Slurm
                "jobs_at_once": 0,  # at most so many run together; 0 for no limit
                "retries": 2,  # new jobs for one that was killed; one that raised an error is not repeated
                "setup": (),  # shell commands before a job's Python, e.g. ("module load cuda",)
            },
            "checkpoint": {
                "every": 1000,  # steps between checkpoints; a multiple of eval.every
                "keep": 2,  # checkpoints kept per population
            },
            "report": {
                "num_bootstrap": 2000,  # resamples behind every interval
                "reference_arm": "",  # arm that the others stand beside; empty for the one named like its model
            },
            "baselines": {  # physics without learning
                "num_distances": 64,  # geometric, 0.2 to 8 angstrom
                "basis": "cc-pvtz",  # of all methods but full CI
                "fci_bases": ("cc-pvdz", "cc-pvtz", "aug-cc-pvtz", "cc-pvqz"),  # full CI is done in each
                "workers": 0,  # single-threaded processes; 0 means one per core
            },
            "labels": {  # making datasets; tuples by size hold an entry per number of heavy atoms, from one up
                "teacher": "dft",  # dft (Kohn-Sham), gfn2 (GFN2-xTB) or ccsd(t)
                "functional": "pbe0",
                "basis": "def2-svp",
                "grid_level": 2,  # of PySCF's quadrature
                "seed": 0,  # of displacements and of the sampled molecules
                "smiles": (),  # molecules; empty for every graph of max_heavy_atoms, hydrides and diatomics
                "max_heavy_atoms": 4,  # of the enumerated graphs
                "conformers": (2, 2, 2, 1),  # minima of a molecule, at most
                "thermal": (20, 20, 15, 3),  # displacements of a molecule at 300 to 1500 K
                "scans": (8, 8, 4, 0),  # of a molecule, eight lengths of one bond each
                "scaled": (4, 4, 2, 0),  # of a molecule, seven sizes each
                "compressed": (0,),  # of a molecule, four lengths of one bond each, 0.26 to 0.5 of what it was
                "hydrogen_pairs": (0,),  # of a molecule, four distances of two of its hydrogens each
                "minima": "",  # a dataset, by name or path, whose minima are taken; empty to relax every molecule
                "cluster_basis": "cc-pvdz",  # of CCSD(T)
                "ions": (25, 25),  # geometries of a molecule's cation
                "vertical_charges": (),  # charges that the first minimum of each molecule is labelled with
                "frequencies_up_to": 3,  # heavy atoms up to which a minimum must have no imaginary mode
                "curve_points": 45,  # of each diatomic's whole curve; 0 for none
                "sampled": (3000, 15000, 68000),  # gfn2: molecules to draw of five, six, seven heavy atoms
                "batch_size": 64,  # gfn2: molecules of a task
                "displaced_share": 0.14,  # gfn2: of the sampled molecules
                "displacements": 24,  # gfn2: of each of those
                "workers": 0,  # single-threaded processes or jobs; 0 means one per core
                "minutes": 0.0,  # after so long no further task is begun; 0 for no limit
            },
            "calculator": "",  # models to examine, comma-separated: registry names, MODULE:FACTORY, WORKDIR#REPLICA_ID
            "python": "",  # interpreter that the examined calculators run in; empty for this one
            "exam": {
                "sections": (
                    *("nuclei", "hydrogen", "diatomics", "shapes"),
                    *("compression", "smoothness", "ions", "separation", "bonds"),
                ),  # in order; conditioning checks first
                "registry": "",  # a private registry, in the form of h2scale/exam/registry.yaml
                "charge": "info:charge",  # how the charge reaches a calculator that is in no registry
                "spin": "info:spin",  # how the spin multiplicity does
                "workers": 1,  # processes of a calculator, each of which loads it; they share its queries
                "load_seconds": 300.0,  # for loading a calculator
                "prediction_seconds": 120.0,  # for one structure
                "model_seconds": 21600.0,  # for one model; the next run goes on where this one stopped
            },
            "remedies": {  # how much physics must be built in: a ladder of models of equilibrium molecules
                "labels": "ccsdt_ccpvdz",  # a shipped dataset or the path of one, with its features beside it
                "curves": "",  # folder of the curves that judge, in the basis of the labels; empty for the shipped ones
                "rungs": (),  # that are trained, by their names in the ladder; where empty, all
                "widths": (0, 4, 8, 16, 32),  # of the corrections' hidden layers; 0 for one constant per channel
                "num_train": (30, 60, 120, 100_000),  # molecules, of every rung; more than there are stands for all
                "seeds": (0, 1, 2),  # at least two
                "learning_rates": (0.003, 0.01, 0.03),  # of the corrections; left-out molecules choose
                "weight_decays": (0.01, 0.1),  # of the corrections; left-out molecules choose
                "steps": 2000,  # of the corrections
                "structures_per_batch": 24,  # of the corrections
                "cost_molecules": 3,  # held-out ones of two heavy atoms that costs are measured on; 0 to measure none
            },
            "benchmark": {  # time and memory of training steps; every case uses model.* where it says nothing itself
                "models": ((16, 1), (32, 2)),  # (num_features, l_max)
                "num_molecules": (14, 32, 128, 512, 2048, 4352),  # random clusters in a step, for time against edges
                "max_molecules": 512,  # of all models but the first, whose steps are shortest
                "population_molecules": 32,  # in a step, for time against replicas
                "replicas": (1, 2, 4, 8, 16),  # trained together by one program
                "radial_hidden": 64,  # width of each of the two hidden layers of the radial network
                "steps": 30,  # timed, after two that are not
                "seconds": 40.0,  # a case stops after so long, with at least five steps
            },
        }
    )


def resolve(config: ConfigDict) -> FrozenConfigDict:
    """Check across sections and freeze the settings; each section is checked by the record that is made of it.

    Raises:
        InputError: names the first setting that cannot be, what arrived and what would be right.
    """
    config = ConfigDict(_split_words(config.to_dict()))
    for name in config.arms:
        _check_keys(config, name)
    setting_checks.check(config, dict(arm_settings(config)), known_sections=default().exam.sections)
    return FrozenConfigDict(config)


def arm_settings(config: ConfigDict | FrozenConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    """Yield each arm's name with its own `ARM_SECTIONS`: the shared ones, overridden by what the arm says."""
    for name in config.arms:
        arm = ConfigDict({section: config[section].to_dict() for section in ARM_SECTIONS})
        arm.update(ConfigDict(config.arms[name].to_dict()))
        yield name, arm


def flatten(config: ConfigDict | FrozenConfigDict) -> dict[str, Any]:
    """Return dotted key to value, tuples as lists: the form that is written to and compared with config.json."""
    flat: dict[str, Any] = {}

    def visit(node: dict[str, Any], prefix: str) -> None:
        for key, value in sorted(node.items()):
            if isinstance(value, dict):
                visit(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = _as_json(value)

    visit(config.to_dict(), "")
    return flat


def closest_key(config: ConfigDict, key: str) -> str | None:
    """Return the existing dotted key that looks most like `key`, for the message about a misspelt override."""
    last_parts = {name.rsplit(".", 1)[-1]: name for name in flatten(config)}
    match = difflib.get_close_matches(key, flatten(config), n=1, cutoff=0.6)
    if not match:
        match = [last_parts[m] for m in difflib.get_close_matches(key.rsplit(".", 1)[-1], last_parts, n=1)]
    return match[0] if match else None


def _split_words(node: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which a list of words that a flag gave as one, `H,C,N`, is a list of words."""

    def split(value: Any) -> Any:
        if isinstance(value, dict):
            return _split_words(value)
        if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], str) and "," in value[0]:
            return tuple(word.strip() for word in value[0].split(",") if word.strip())
        return value

    return {key: split(value) for key, value in node.items()}


def _as_json(value: Any) -> Any:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value


def _check_keys(config: ConfigDict, arm: str) -> None:
    for section in config.arms[arm]:
        right = f"made of the sections {', '.join(ARM_SECTIONS)}"
        require(section in ARM_SECTIONS, f"arms.{arm}", section, right)
        for key in config.arms[arm][section]:
            right = f"made of keys of config.{section}: {list(config[section])}"
            require(key in config[section], f"arms.{arm}.{section}", key, right)
