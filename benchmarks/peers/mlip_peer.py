"""mlip's NequIP by its own trainer: mlip_peer.py SPLIT PREDICTIONS.npz SECONDS [--channels=32]; in mlip's interpreter.

Its own data pipeline, reference energies by least squares, Huber loss, AMSGrad from 0.01 to 0.0001 after a warm-up,
average of the parameters (0.99), and batches of 16; the parameters that validate best are kept. Steps are timed on a
throw-away state first, so that the schedule ends with the time.
"""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import structures
from mlip.data import GraphDatasetBuilder, GraphDatasetBuilderConfig
from mlip.data.chemical_system import ChemicalSystem
from mlip.data.chemical_systems_readers.chemical_systems_reader import ChemicalSystemsReader
from mlip.graph import Graph
from mlip.graph.batching_helpers import batch_graphs, pad_with_graphs
from mlip.models import ForceField, Nequip
from mlip.models.loss import HuberLoss
from mlip.training import TrainingLoop
from mlip.training.optimizer import get_default_mlip_optimizer
from mlip.training.optimizer_config import OptimizerConfig

RATE, FINAL_RATE, WARMUP = 0.01, 1e-4, 0.05
DEGREE, LAYERS, STRUCTURES_PER_BATCH, AVERAGE, EVALUATIONS = 2, 2, 16, 0.99, 12
SHARE_OF_SECONDS = 0.95  # that steps are planned for; the rest is for validation


class InMemory(ChemicalSystemsReader):
    """Structures that are there already."""

    def __init__(self, systems: list[ChemicalSystem]) -> None:
        super().__init__("")
        self.systems = systems

    def load(self) -> list[ChemicalSystem]:
        """Return them."""
        return self.systems

    def _read_file(self, path: str) -> list[ChemicalSystem]:
        return self.systems


class TimedLoop(TrainingLoop):
    """mlip's training loop with validation a few times in all instead of after every epoch, and an end by the clock."""

    begin: float | None = None
    steps: int
    seconds: float
    next_evaluation: float

    def _run_evaluation(self) -> None:
        if self.begin is None:  # before the first step: it compiles
            super()._run_evaluation()
            return
        done = int(self.training_state.num_steps)
        over = done >= self.steps or time.monotonic() - self.begin > self.seconds
        if done >= self.next_evaluation or over:
            super()._run_evaluation()
            self.next_evaluation += self.steps / EVALUATIONS
        if over:
            self.config = self.config.model_copy(update={"num_epochs": self.epoch_number})


def main() -> None:
    """Train and write the predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--channels", type=int, default=32)
    arguments = parser.parse_args()
    sides = {name: structures.read(arguments.split / f"{name}.extxyz") for name in ("train", "validation", "test")}
    loop, steps, seconds = trained(sides["train"], sides["validation"], arguments.channels, arguments.seconds)
    best = loop.best_model
    energies, forces = predict(best, structures.unlabelled(sides["test"]))
    num_params = sum(leaf.size for leaf in jax.tree.leaves(best.params))
    structures.save(arguments.predictions, structures.Predictions(energies, forces, num_params, steps, seconds))


def trained(train: list, validation: list, channels: int, seconds: float) -> tuple[TimedLoop, int, float]:
    """Return the ended loop, its steps, and the seconds that it took."""
    readers = {"train": InMemory([system(one) for one in train]), "val": InMemory([system(one) for one in validation])}
    settings = GraphDatasetBuilderConfig(
        graph_cutoff_angstrom=structures.CUTOFF_ANGSTROM, batch_size=STRUCTURES_PER_BATCH
    )
    builder = GraphDatasetBuilder(readers, settings)
    sets = builder.get_datasets()
    irreps = " + ".join(f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(DEGREE + 1))
    network = Nequip(Nequip.Config(num_layers=LAYERS, target_irreps=irreps, l_max=DEGREE), builder.dataset_info)
    potential = ForceField.from_mlip_network(network, seed=0)

    def make_loop(steps: int) -> TimedLoop:
        warmup = max(1, int(WARMUP * steps))
        rates = OptimizerConfig(
            init_learning_rate=RATE / 100,
            peak_learning_rate=RATE,
            final_learning_rate=FINAL_RATE,
            warmup_steps=warmup,
            transition_steps=steps - warmup,
        )
        config = TrainingLoop.Config(num_epochs=10**6, ema_decay=AVERAGE)
        return TimedLoop(sets["train"], sets["val"], potential, HuberLoss(), get_default_mlip_optimizer(rates), config)

    step_seconds = timed_step(make_loop(10**6), sets["train"])
    steps = max(EVALUATIONS, int(SHARE_OF_SECONDS * seconds / step_seconds))
    loop = make_loop(steps)
    timed_step(loop, sets["train"], most=1)
    loop._run_evaluation()
    logging.getLogger("mlip").setLevel(logging.WARNING)
    loop.config = loop.config.model_copy(update={"run_eval_at_start": False})
    loop.steps, loop.seconds, loop.next_evaluation = steps, seconds, steps / EVALUATIONS
    loop.begin = time.monotonic()
    loop.run()
    return loop, int(loop.training_state.num_steps), time.monotonic() - loop.begin


def timed_step(loop: TimedLoop, batches: Any, most: int = 60) -> float:
    """Seconds of a step, compiled before, on a throw-away copy of the state."""
    first = next(iter(batches))
    state, _ = loop.training_step(jax.tree.map(jnp.copy, loop.training_state), first, 0)
    jax.block_until_ready(state)
    begin, done = time.monotonic(), 0
    for batch in batches:
        state, _ = loop.training_step(state, batch, 0)
        done += 1
        if done == most:
            break
    jax.block_until_ready(state)
    return (time.monotonic() - begin) / done


def system(atoms: Any) -> ChemicalSystem:
    """Return a structure as mlip has it; without labels, zeros stand in their places."""
    return ChemicalSystem(
        atomic_numbers=atoms.numbers,
        positions=atoms.positions,
        energy=atoms.info.get(structures.ENERGY, 0.0),
        forces=atoms.arrays.get(structures.FORCES, np.zeros_like(atoms.positions)),
    )


def predict(potential: Any, asked: list) -> tuple[np.ndarray, np.ndarray]:
    """Energies in eV, shape (n_structures,), and forces in eV/angstrom, shape (n_atoms of all, 3)."""
    call = jax.jit(potential.predictor.apply)
    graphs = [Graph.from_chemical_system(system(one), structures.CUTOFF_ANGSTROM) for one in asked]
    most_atoms, most_edges = (max(int(getattr(graph, name).sum()) for graph in graphs) for name in ("n_node", "n_edge"))
    energies, forces = [], []
    for part in structures.batches(graphs):
        capacity = structures.BATCH * most_atoms + 8, structures.BATCH * most_edges + 16, structures.BATCH + 1
        batch = pad_with_graphs(batch_graphs(part), **dict(zip(("n_node", "n_edge", "n_graph"), capacity, strict=True)))
        single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32 if leaf.dtype == np.float64 else None), batch)
        made = call(potential.params, single)
        energy, force = (
            (made.globals.energy, made.nodes.forces) if hasattr(made, "globals") else (made.energy, made.forces)
        )
        num_atoms = sum(int(graph.n_node.sum()) for graph in part)
        energies.append(np.asarray(energy)[: len(part)])
        forces.append(np.asarray(force)[:num_atoms])
    return np.concatenate(energies), np.concatenate(forces)


if __name__ == "__main__":
    main()
