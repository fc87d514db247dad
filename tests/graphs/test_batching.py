"""A batch is its structures: none lost, none joined, none changed by what stands beside them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import data
from h2scale.data import rungs
from h2scale.graphs import batching, build

SPECIES = tuple(range(1, 10))
CUTOFF = 4.0

pack = jax.jit(batching.pack, static_argnums=3)
fit_prefix = jax.jit(batching.fit_prefix, static_argnums=2)
layout = jax.jit(batching._layout, static_argnums=2)


@pytest.fixture(scope="module")
def dataset():
    shipped = data.load_dataset("pbe0_def2svp")
    mixed = np.concatenate(
        [
            np.arange(0, 900, 12),
            np.flatnonzero(shipped.rung == rungs.ATOM),
            np.flatnonzero(shipped.rung == "h2")[[0, -1]],
        ]
    )
    return shipped.select(mixed)


@pytest.fixture(scope="module")
def table(dataset):
    return batching.make_table(dataset, CUTOFF, SPECIES, jnp.float64)


def members(graph, targets):
    """Real graphs of a batch as host records: species, positions, edges as a set, energy, forces, charge, spin."""
    graph, targets = jax.tree.map(np.asarray, (graph, targets))
    found = []
    for slot in np.flatnonzero(graph.graph_mask):
        nodes = np.flatnonzero((graph.node_graph == slot) & graph.node_mask)
        first = nodes[0]
        mine = graph.edge_mask & np.isin(graph.receivers, nodes)
        edges = list(zip((graph.senders[mine] - first).tolist(), (graph.receivers[mine] - first).tolist(), strict=True))
        found.append(
            (graph.species[nodes], graph.positions[nodes], edges, targets.energy[slot], targets.forces[nodes],
             graph.charge[slot], graph.spin_multiplicity[slot], targets.n_atoms[slot])
        )  # fmt: skip
    return found


def assert_member_is(member, structure):
    species, positions, edges, energy, forces, charge, spin, n_atoms = member
    alone = build.graph_from_structure(
        structure.atomic_numbers, structure.positions, structure.charge, structure.spin_multiplicity, CUTOFF, SPECIES
    )
    np.testing.assert_array_equal(species, alone.species)
    centered = structure.positions - structure.positions.mean(axis=0)
    np.testing.assert_allclose(positions, centered, atol=1e-12)
    real = np.asarray(alone.edge_mask)
    expected = zip(np.asarray(alone.senders)[real].tolist(), np.asarray(alone.receivers)[real].tolist(), strict=True)
    assert edges == list(expected)
    assert energy == structure.energy
    np.testing.assert_array_equal(forces, structure.forces)
    assert (charge, spin, n_atoms) == (structure.charge, structure.spin_multiplicity, len(structure.atomic_numbers))


def pack_what_fits(table, indices, capacity):
    take, _ = fit_prefix(table, indices, capacity)
    return pack(table, indices, take, capacity)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_equals_its_members(dataset, table, seed):
    capacity = batching.choose_capacity(table, 6)
    indices = np.random.default_rng(seed).integers(len(dataset), size=6)
    take, num_taken = fit_prefix(table, jnp.asarray(indices), capacity)
    batch = pack(table, jnp.asarray(indices), take, capacity)
    found = members(*batch)
    assert len(found) == num_taken
    for member, index in zip(found, indices, strict=False):
        assert_member_is(member, dataset[index])


def test_any_mask_may_be_packed_not_only_a_prefix(dataset, table):
    capacity = batching.Capacity(n_graph=4, n_node=64, n_edge=400)
    indices = np.array([3, 50, 8, 80])
    found = members(*pack(table, jnp.asarray(indices), jnp.array([False, True, False, True]), capacity))
    assert len(found) == 2
    assert_member_is(found[0], dataset[50])
    assert_member_is(found[1], dataset[80])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_padding_follows_the_contract(dataset, dtype):
    table = batching.make_table(dataset, CUTOFF, SPECIES, dtype)
    capacity = batching.Capacity(n_graph=5, n_node=90, n_edge=600)
    graph, targets = pack_what_fits(table, jnp.array([0, 20, 75, 40, 60]), capacity)
    nodes, edges = int(graph.node_mask.sum()), int(graph.edge_mask.sum())
    assert 0 < nodes < 90
    assert 0 < edges < 600
    assert graph.node_mask[:nodes].all()
    assert graph.edge_mask[:edges].all()
    assert (graph.senders[edges:] == 89).all()
    assert (graph.receivers[edges:] == 89).all()
    assert (jnp.diff(graph.receivers) >= 0).all()
    assert (jnp.diff(graph.node_graph) >= 0).all()
    assert (graph.node_graph[nodes:] == 4).all()
    for padded in (graph.positions[nodes:], graph.species[nodes:], targets.forces[nodes:]):
        assert not padded.any()
    joined = graph.node_graph[graph.senders] != graph.node_graph[graph.receivers]
    assert not (joined & graph.edge_mask).any()
    assert {x.dtype for x in (graph.positions, graph.charge, graph.spin_multiplicity, *targets)} == {jnp.dtype(dtype)}
    for index in (graph.species, graph.node_graph, graph.senders, graph.receivers):
        assert index.dtype == jnp.int32


def test_an_empty_batch_is_all_padding(table):
    capacity = batching.Capacity(n_graph=2, n_node=30, n_edge=200)
    graph, targets = pack(table, jnp.array([1, 2]), jnp.zeros(2, bool), capacity)
    assert not (graph.node_mask.any() | graph.edge_mask.any() | graph.graph_mask.any())
    assert not (targets.energy.any() | targets.forces.any())
    assert (targets.n_atoms == 1).all()


def test_structures_without_any_edge_are_packed(dataset):
    atoms = dataset.select(np.flatnonzero(dataset.rung == rungs.ATOM))
    table = batching.make_table(atoms, CUTOFF, SPECIES, jnp.float64)
    capacity = batching.choose_capacity(table, 3)
    found = members(*pack_what_fits(table, jnp.array([4, 0, 2]), capacity))
    for member, index in zip(found, (4, 0, 2), strict=True):
        assert_member_is(member, atoms[index])


def test_every_capacity_holds_each_structure_alone(dataset, table):
    for size in (1, 2, 7, 32):
        capacity = batching.choose_capacity(table, size)
        alone = jax.jit(jax.vmap(lambda i, c=capacity: fit_prefix(table, i[None], c)[1]))(jnp.arange(len(dataset)))
        assert (alone == 1).all()


def test_the_prefix_is_the_longest_that_fits(dataset, table):
    capacity = batching.choose_capacity(table, 8)
    n_atoms, n_edges = np.asarray(table.n_atoms), np.asarray(table.n_edges)
    rng = np.random.default_rng(0)
    cut_short = 0
    for _ in range(200):
        indices = rng.integers(len(dataset), size=8)
        take, num_taken = fit_prefix(table, jnp.asarray(indices), capacity)
        expected = 0
        while expected < 8:
            first = indices[: expected + 1]
            if n_atoms[first].sum() > capacity.n_node or n_edges[first].sum() > capacity.n_edge:
                break
            expected += 1
        assert num_taken == expected >= 1
        np.testing.assert_array_equal(take, np.arange(8) < expected)
        cut_short += expected < 8
    assert 0 < cut_short < 150  # both outcomes were seen


def test_a_stream_is_consumed_whole_and_in_order(dataset, table):
    """A sampler that advances by the count taken trains on every draw once: large structures are not passed over."""
    capacity = batching.choose_capacity(table, 5)
    stream = np.random.default_rng(1).permutation(np.repeat(np.arange(len(dataset)), 3))
    padded = jnp.asarray(np.concatenate([stream, np.zeros(5, int)]))

    def step(cursor, _):
        window = jax.lax.dynamic_slice(padded, (cursor,), (5,))
        take, num_taken = fit_prefix(table, window, capacity)
        graph, _ = pack(table, window, take, capacity)
        nodes = jnp.sum(graph.node_mask) == jnp.sum(jnp.where(take, table.n_atoms[window], 0))
        edges = jnp.sum(graph.edge_mask) == jnp.sum(jnp.where(take, table.n_edges[window], 0))
        return cursor + num_taken, (jnp.where(take, window, -1), nodes & edges)

    _, (taken, whole) = jax.lax.scan(step, jnp.int32(0), None, length=len(stream))
    seen = np.asarray(taken).reshape(-1)
    np.testing.assert_array_equal(seen[seen >= 0][: len(stream)], stream)
    assert whole.all()


def test_headroom_keeps_padding_small(dataset, table):
    capacity = batching.choose_capacity(table, 32)
    rng = np.random.default_rng(0)
    used = []
    for _ in range(50):
        take, _ = fit_prefix(table, jnp.asarray(rng.integers(len(dataset), size=32)), capacity)
        used.append(float(take.sum()))
    assert np.mean(used) > 0.9 * 32
    assert capacity.n_node < 1.2 * 32 * float(table.n_atoms.mean())


def test_an_enclosing_capacity_serves_every_rung_alike():
    shipped = data.load_dataset("pbe0_def2svp")
    table = batching.make_table(shipped, CUTOFF, SPECIES, jnp.float32)
    groups = [np.flatnonzero(rungs.in_rung(shipped, rung)) for rung in rungs.RUNGS]
    single = [batching.choose_capacity(table, 16, group) for group in groups]
    capacity = batching.enclosing_capacity(single)
    assert capacity == tuple(max(sizes) for sizes in zip(*single, strict=True))
    rng = np.random.default_rng(0)
    for group in groups:
        taken = [fit_prefix(table, jnp.asarray(rng.choice(group, 16)), capacity)[1] for _ in range(100)]
        assert np.mean(taken) > 0.95 * 16
    with pytest.raises(ValueError, match="needs at least one capacity; got none"):
        batching.enclosing_capacity([])


def test_without_x64_everything_stays_in_single_precision(dataset):
    with jax.enable_x64(False):
        table = batching.make_table(dataset, CUTOFF, SPECIES)
        capacity = batching.choose_capacity(table, 4)
        graph, targets = pack_what_fits(table, jnp.array([5, 40, 60, 77]), capacity)
        alone = build.graph_from_structure([1, 1], [[0, 0, 0], [0, 0, 1.0]], 0, 1, CUTOFF, SPECIES)
        dimers = build.dimer_graphs(jnp.array([0.5, 1.0]), (0, 0), 0.0, 1.0, CUTOFF)
        widths = {leaf.dtype.itemsize for leaf in jax.tree.leaves((table, graph, targets, alone, dimers))}
        assert widths == {1, 4}
        assert graph.node_mask.sum() == np.sum(dataset.n_atoms[np.array([5, 40, 60, 77])[graph.graph_mask]])


@pytest.mark.parametrize("mapping", ["vmap", "map"])
def test_mapped_packing_equals_packing_one_by_one(dataset, table, mapping):
    capacity = batching.choose_capacity(table, 4)
    indices = jnp.asarray(np.random.default_rng(2).integers(len(dataset), size=(3, 4)))
    one = lambda i: pack_what_fits(table, i, capacity)  # noqa: E731
    mapped = jax.jit(jax.vmap(one))(indices) if mapping == "vmap" else jax.lax.map(one, indices)
    for row in range(3):
        for x, y in zip(jax.tree.leaves(mapped), jax.tree.leaves(one(indices[row])), strict=True):
            np.testing.assert_array_equal(x[row], y)


@pytest.mark.parametrize("size", [1, 3, 16, 200])
def test_a_plan_holds_every_structure_exactly_once(dataset, table, size):
    capacity = batching.choose_capacity(table, size)
    wanted = np.random.default_rng(3).permutation(len(dataset))[:70]
    planned, used = batching.plan_batches(table, wanted, capacity)
    np.testing.assert_array_equal(planned[used], wanted)
    assert planned.shape == used.shape == (len(planned), size)
    assert used.any(axis=1).all()
    for row, mask in zip(planned, used, strict=True):
        graph, _ = pack(table, jnp.asarray(row), jnp.asarray(mask), capacity)
        assert graph.node_mask.sum() == np.sum(dataset.n_atoms[row[mask]])
        assert graph.edge_mask.sum() == np.sum(np.asarray(table.n_edges)[row[mask]])


@pytest.mark.parametrize("num_graphs", [3, 64, 65, 200])
def test_slots_belong_to_the_same_graphs_however_they_are_found(num_graphs):
    """Few graphs are compared with every slot, many are bisected; empty and untaken graphs own no slot."""
    random = np.random.default_rng(num_graphs)
    counts, take = random.integers(0, 4, num_graphs), random.random(num_graphs) < 0.7
    used = np.repeat(np.arange(num_graphs), np.where(take, counts, 0))
    size = len(used) + 5
    owner, _, real, _ = layout(jnp.asarray(counts, jnp.int32), jnp.asarray(take), size)
    np.testing.assert_array_equal(owner[: len(used)], used)
    np.testing.assert_array_equal(owner[len(used) :], num_graphs - 1)
    np.testing.assert_array_equal(real, np.arange(size) < len(used))


def test_a_plan_of_nothing_has_no_batches(table):
    planned, used = batching.plan_batches(table, np.zeros(0, int), batching.choose_capacity(table, 4))
    assert planned.shape == used.shape == (0, 4)


def test_a_structure_too_large_for_a_plan_is_named(table):
    largest = int(np.argmax(np.asarray(table.n_atoms)))
    with pytest.raises(
        ValueError, match=rf"structure {largest} has \d+ atoms and \d+ edges; a batch holds Capacity\(n_graph=1"
    ):
        batching.plan_batches(table, np.array([largest]), batching.Capacity(1, 2, 2))


def test_distances_survive_rounding_far_from_the_origin(dataset):
    """Centroids are removed in float64: a molecule a kilometre away loses nothing to float32."""
    one = dataset.select(np.array([30]))
    far = dataset.select(np.array([30]))
    far.positions[:] += 2.0**23
    near_table, far_table = (batching.make_table(d, CUTOFF, SPECIES, jnp.float32) for d in (one, far))
    np.testing.assert_allclose(far_table.positions, near_table.positions, atol=1e-7)  # 2^23 in float64 keeps 2e-9


def test_bad_requests_are_refused(dataset, table):
    with pytest.raises(ValueError, match=r"model\.species \(1, 6\) lacks atomic numbers \[2, 3, 4, 5, 7, 8, 9\]"):
        batching.make_table(dataset, CUTOFF, (1, 6))
    with pytest.raises(ValueError, match=r"model\.cutoff must be positive"):
        batching.make_table(dataset, -1.0, SPECIES)
    with pytest.raises(ValueError, match=r"train\.batch_size must be at least 1; got 0"):
        batching.choose_capacity(table, 0)
    with pytest.raises(ValueError, match="needs at least one structure; got none"):
        batching.choose_capacity(table, 4, indices=np.zeros(0, int))
    with pytest.raises(ValueError, match=r"must have shape \(4,\); got \(3,\) and \(3,\)"):
        pack(table, jnp.zeros(3, int), jnp.ones(3, bool), batching.Capacity(4, 50, 50))
