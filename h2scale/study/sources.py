"""Data that an arm's populations draw from and are judged on, on the host."""

import dataclasses
import functools
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from h2scale import units
from h2scale.data import bare_nuclei, catalog, opening, partition, rungs, splits, training_sets, vertical
from h2scale.data import dataset as dataset_lib
from h2scale.errors import InputError, require
from h2scale.evaluation import charged_checks, held_out, simple_models
from h2scale.physics import curves
from h2scale.study.settings import AUTOMATIC, ArmSettings


class Sources(NamedTuple):
    """An arm and its data."""

    arm: ArmSettings  # trained on energies alone where the data have no forces
    divided: partition.Partition  # structures of other elements are left out
    orders: Mapping[tuple[str, int], training_sets.TrainingOrder]  # by rung and seed; a training set is a prefix
    references: curves.References
    simple: "SimpleModels"
    facts: Mapping[str, Any]  # of the data, JSON values, for the page: level, zero of energy, source of the H2 curve
    anions: catalog.Facts | None  # with the neutral molecules beside them
    dications: catalog.Facts | None  # likewise

    def changes(self) -> tuple[charged_checks.ChargeChange, ...]:
        """Return what it costs to charge the molecules of the test side, each at its first geometry with both labels.

        Charge -1 is looked for among the anions alone, charge +2 among the dications too.
        """
        dataset = self.divided.dataset
        held_out = self.divided.side == "test"
        charged = np.unique(dataset.molecules.codes[held_out & (dataset.charge != 0)])
        own = np.flatnonzero(held_out & np.isin(dataset.molecules.codes, charged))
        names = set(dataset.molecules.values[np.unique(dataset.molecules.codes[held_out])].tolist())
        charges = tuple(charge for charge in charged_checks.KINDS if charge > 0)
        found = vertical.changes(opening.gather(dataset, own), names, charges)
        for source, charge in ((self.anions, -1), (self.dications, 2)):
            if source is not None:
                ions = opening.gather(source, np.flatnonzero(source.molecules.isin(sorted(names))))
                found += vertical.changes(ions, names, (charge,))
        return tuple(charged_checks.ChargeChange(*pair) for pair in found)

    def train(self, rung: str, seed: int, num_train: int) -> np.ndarray:
        """Return the training structures of a replica, shape (num_train,), int64."""
        return self.orders[rung, seed].indices[:num_train]


MOST_STREAMED = 20_000
"""Structures from shards that the ridge regression, which holds all of them in memory, is fitted to at most."""


NO_CURVE = "none"


class SimpleModels:
    """Test energies of the ridge regression that is trained on the same structures; each is fitted once."""

    def __init__(self, divided: partition.Partition) -> None:
        self._divided = divided
        self._known: dict[tuple[str, bytes], np.ndarray] = {}
        self._lock = threading.Lock()

    def ridge_energies(self, rung: str, train: np.ndarray) -> np.ndarray:
        """Return the energies of `held_out.test_structures(rung)` in eV, shape (n_test,).

        Args:
            rung: of the validation and test structures.
            train: indices to fit to.

        Returns:
            NaN for more than `MOST_STREAMED` structures of a dataset in shards.
        """
        test = held_out.test_structures(self._divided, rung)
        if len(train) > MOST_STREAMED and isinstance(self._divided.dataset, catalog.Catalog):
            return np.full(len(test), np.nan)
        key = rung, np.sort(train).tobytes()
        with self._lock:
            if key not in self._known:
                validation = self._divided.held_out(rung, "validation")
                weights = self._divided.molecule_weights(validation)
                result = simple_models.ridge_energies(self._divided.dataset, train, validation, test, weights=weights)
                self._known[key] = result.test_energies
            return self._known[key]


def load(arms: tuple[ArmSettings, ...]) -> dict[str, Sources]:
    """Load the data of every arm, by its name; what arms share is loaded once.

    Raises:
        InputError: a dataset, element list, rung or training-set size cannot be used.
        ValueError: a dataset whose H2 curve lies on other distances, or one that would leak it.
    """
    load_once = functools.cache(opening.open_dataset)
    divide = functools.cache(
        lambda dataset, split, bare, anions: _divide(
            load_once(dataset), split, bare, load_once(anions) if anions else None
        )
    )
    load_references = functools.cache(lambda dataset, teacher_curve: _references(load_once(dataset), teacher_curve))
    simple = functools.cache(SimpleModels)
    found = {}
    for arm in arms:
        admitted = arm.training_set
        bare = admitted.include_bare_nuclei or admitted.include_helium_with_proton
        divided = divide(arm.dataset, arm.split, bare, arm.anions if arm.include_anions else "")
        known = _with_rungs(arm, divided) if arm.grid.rungs == AUTOMATIC else arm
        orders = dict(_orders(known, divided))
        adapted = known if divided.dataset.has_forces else _without_forces(known)
        if arm.grid.num_train == AUTOMATIC:
            adapted = _with_sizes(adapted, divided, orders)
        found[arm.name] = Sources(
            adapted,
            divided,
            orders,
            load_references(arm.dataset, arm.teacher_curve).curves,
            simple(divided),
            {"dataset": arm.dataset, **_facts(divided), **load_references(arm.dataset, arm.teacher_curve).facts},
            load_once(arm.anions) if arm.anions else None,
            load_once(arm.dications) if arm.dications else None,
        )
    return found


class _References(NamedTuple):
    curves: curves.References
    facts: Mapping[str, Any]  # where the teacher's curve is from


def _facts(divided: partition.Partition) -> dict[str, Any]:
    manifest = divided.dataset.manifest
    return {
        "level": manifest["level"],
        "num_structures": len(divided.dataset),
        "checksum_sha256": manifest.get("checksum_sha256"),
        "has_forces": divided.dataset.has_forces,
        "energy_zero": manifest.get("energy_zero", ""),
        "zero_is_fit": bool(manifest.get("zero_is_fit", False)),
    }


def _references(dataset: catalog.Facts, teacher_curve: str) -> _References:
    """Return the reference curves of the physics check, with the teacher on the test distances where it is known.

    Args:
        dataset: its own H2 test curve comes first.
        teacher_curve: `auto` has PySCF compute the curve at the dataset's level where it has none; it is cached.

    Raises:
        InputError: PySCF cannot compute a curve of that level.
        ValueError: the dataset's H2 test curve lies on other distances.
    """
    test_curve = np.flatnonzero(dataset.rungs.isin([rungs.TEST_CURVE]))
    if not len(test_curve):
        if teacher_curve != "auto":
            return _References(curves.load_h2_references(None), {"teacher_curve": NO_CURVE})
        energies, provenance = _computed_curve(dataset)
        facts = {"teacher_curve": "computed by PySCF", "teacher_curve_provenance": provenance}
        return _References(curves.load_h2_references(energies), facts)
    distances, energies = rungs.teacher_h2_curve(opening.gather(dataset, test_curve))
    expected = curves.H2_TEST_DISTANCES_ANGSTROM
    if distances.shape != expected.shape or not np.allclose(distances, expected, atol=1e-6):
        raise ValueError(
            f"data.dataset: its H2 test curve has {len(distances)} distances from {distances[0]:.4f} to "
            f"{distances[-1]:.4f} angstrom; it must be on the {len(expected)} distances of the physics check."
        )
    return _References(curves.load_h2_references(energies), {"teacher_curve": "of the dataset"})


def _computed_curve(dataset: catalog.Facts) -> tuple[np.ndarray, dict[str, Any]]:
    """H2 at the dataset's level on the test distances, eV relative to its own atoms, (n_points,); its provenance."""
    # Imported late: no other study needs PySCF.
    from h2scale.physics import teachers

    level = str(dataset.manifest["level"])
    method, _, basis = level.lower().partition("/")
    right = f"dataset, since PySCF cannot do {level} as METHOD/BASIS"
    require(bool(method and basis), "data.teacher_curve", "auto", right)
    try:
        distances_bohr = curves.H2_TEST_DISTANCES_ANGSTROM / units.BOHR_ANGSTROM
        curve = teachers.teacher_curve(("H", "H"), method, basis, distances_bohr)
    except ValueError as error:
        raise InputError(f"config.data.teacher_curve must be {right}: {error}") from error
    return np.asarray(curve.interaction_hartree) * units.HARTREE_EV, curve.provenance


def _without_forces(arm: ArmSettings) -> ArmSettings:
    return dataclasses.replace(arm, training=dataclasses.replace(arm.training, force_weight=0.0))


def _held_rungs(divided: partition.Partition) -> tuple[str, ...]:
    """Return the rungs of which there are structures."""
    return tuple(name for name in rungs.RUNGS if divided.dataset.rungs.isin([name]).any())


def _with_rungs(arm: ArmSettings, divided: partition.Partition) -> ArmSettings:
    """Replace automatic rungs by those that the data hold."""
    held = _held_rungs(divided)
    require(bool(held), "data.dataset", arm.dataset, f"of some rung, {', '.join(rungs.RUNGS)}")
    return dataclasses.replace(arm, grid=dataclasses.replace(arm.grid, rungs=held))


def _with_sizes(
    arm: ArmSettings, divided: partition.Partition, orders: Mapping[tuple[str, int], training_sets.TrainingOrder]
) -> ArmSettings:
    """Replace automatic training-set sizes by the powers of two, from 16 on, that every seed's order allows."""
    sizes = {}
    for rung in arm.grid.rungs:
        own = [orders[rung, seed] for seed in arm.grid.seeds]
        least = max(training_sets.smallest(divided, order) for order in own)
        most = len(own[0].indices)  # every seed orders the same structures
        sizes[rung] = tuple(size for size in (2**power for power in range(4, most.bit_length())) if size >= least)
        require(bool(sizes[rung]), "grid.num_train", "auto", f"numbers: rung {rung} has {most} structures")
    return dataclasses.replace(arm, grid=dataclasses.replace(arm.grid, num_train=(), num_train_of=sizes))


def _divide(
    dataset: catalog.Facts, settings: splits.SplitSettings, bare: bool, anions: catalog.Facts | None
) -> partition.Partition:
    """Sides of a dataset's structures of the admitted elements, bare nuclei and anions added to them where asked."""
    if isinstance(dataset, catalog.Catalog):
        right = "positive for a dataset in shards, of which no more is held in memory"
        require(settings.max_held_out > 0, "data.max_held_out", settings.max_held_out, right)
        right = "one file where bare nuclei or anions are added to it"
        require(not bare and anions is None, "data.dataset", str(dataset.folder), right)
    else:
        dataset = bare_nuclei.with_bare_nuclei(dataset) if bare else dataset
        if anions is not None:
            own = opening.gather(anions, np.flatnonzero(anions.charge == -1))
            dataset = dataset_lib.join(dataset, own)
    return partition.divide(dataset.select(np.flatnonzero(partition.of_elements(dataset, settings.elements))), settings)


def _orders(
    arm: ArmSettings, divided: partition.Partition
) -> Iterator[tuple[tuple[str, int], training_sets.TrainingOrder]]:
    for rung in arm.grid.rungs:
        rungs.check_rung(rung)
        held = _held_rungs(divided)
        if rung not in held:
            require(False, "grid.rungs", rung, f"made of rungs that {arm.dataset} holds, {', '.join(held) or 'none'}")
        for side in ("validation", "test"):
            if not len(divided.indices(rung, side)):
                raise InputError(
                    f"{arm.dataset} must hold {side} structures at rung {rung}; it divides into "
                    f"{divided.describe(rung)}."
                )
        for seed in arm.grid.seeds:
            order = training_sets.training_order(divided, rung, seed, arm.training_set)
            for num_train in arm.grid.sizes(rung) if arm.grid.sizes(rung) != AUTOMATIC else ():
                training_sets.check_num_train(divided, order, num_train, rung)
            yield (rung, seed), order
