"""The part of gpu.py that asks whether the CPU and the GPU give the same numbers."""

import dataclasses
from typing import Any

import numpy as np

# Largest difference that is taken for the order of sums, as a fraction of the largest number.
TOLERANCES = {"float32": 1e-4, "float64": 1e-10, "training": 2e-4}
COLUMNS = ("quantity", "largest_difference", "scale", "tolerance", "agree")


def numbers(dry: bool) -> dict[str, np.ndarray]:
    """Energies, forces and one training step on this process's device, by name."""
    import jax
    import jax.numpy as jnp
    import population_case

    from h2scale import config as config_lib
    from h2scale.benchmark import clusters
    from h2scale.graphs import batching
    from h2scale.models import potential
    from h2scale.models.settings import ModelSettings
    from h2scale.runtime import devices

    own = devices.DeviceSettings.from_section(config_lib.default().devices)
    devices.configure(dataclasses.replace(own, cpu_devices=1, compile_cache=False))
    molecules = 4 if dry else 64
    table = batching.make_table(clusters.random_clusters(molecules), 5.0, clusters.SPECIES)
    capacity = batching.Capacity(molecules, int(np.sum(table.n_atoms)), int(np.sum(table.n_edges)))
    graph, _ = batching.pack(table, jnp.arange(molecules), jnp.ones(molecules, bool), capacity)
    found = {}
    for name, l_max in (("nequip", 2), ("schnet", 0)):
        model = ModelSettings(
            name=name,
            num_features=4 if dry else 32,
            num_layers=1 if dry else 2,
            l_max=min(l_max, 1) if dry else l_max,
            cutoff=5.0,
            num_radial=8,
            radial_hidden=(32, 32),
            species=clusters.SPECIES,
            avg_num_neighbors=8.0,
            energy_scale=4.0,
            isolated_atom_exact=True,
            envelope_power=6,
            prior="none",
            conditioning="none",
            convolution="fast",
        )
        made = potential.make_potential(model)
        params = made.init(jax.random.key(0))
        for dtype in ("float32", "float64"):
            cast = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), params)
            cast_graph = graph._replace(positions=graph.positions.astype(dtype))
            energy, forces = jax.jit(made.energy_and_forces)(cast, cast_graph)
            found[f"{name} energies {dtype}"], found[f"{name} forces {dtype}"] = np.array(energy), np.array(forces)
    # The population of the golden step, see tests/training/test_step.py.
    case = population_case.assemble(population_case.make_population(num_train=(20,), rungs=("stretched",), seeds=(0,)))
    first = case.programs.init(case.inputs)
    initial = np.array(first.params)
    state = population_case.trained(case, calls=1)
    found["parameters before training"] = initial
    found["parameters after training"] = np.asarray(state.params)
    found["loss training"] = np.asarray(state.train_loss_sum)
    return found


def compare(cpu: Any, gpu: Any) -> list[dict[str, object]]:
    """Rows of agreement.csv: the largest difference of each quantity against what the order of sums explains."""
    rows = []
    for name in cpu.files:
        scale = float(np.max(np.abs(cpu[name])))
        difference = float(np.max(np.abs(cpu[name] - gpu[name])))
        tolerance = TOLERANCES[name.split()[-1]] * scale
        rows.append(
            {
                "quantity": name,
                "largest_difference": f"{difference:.3g}",
                "scale": f"{scale:.3g}",
                "tolerance": f"{tolerance:.3g}",
                "agree": bool(difference <= tolerance),
            }
        )
    return rows
