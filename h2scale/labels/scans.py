"""Kohn-Sham labels along a path, each the lowest of the solutions that several starts reach.

A stretched bond has many self-consistent solutions, and the one an iteration ends in depends on where it starts. Along
a scan each point is started from the solutions of both neighbours, so that the lowest solution known anywhere spreads
to all points where it is the lowest. The search is done on a coarse grid, whose error is nearly the same for all
solutions of one geometry; what it finds is converged again on the level's own grid, near ties included. Paths that end
in an isolated atom with an open p shell are searched on that grid too. Hartree and bohr inside; labels are in eV and
angstrom.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure
from h2scale.electronic_structure import kohn_sham, stability, starts
from h2scale.electronic_structure.fields import Orbitals, Solution
from h2scale.labels import dft

MAX_SWEEPS = 4
JUMP_EV = 2.0
"""Largest distance of an energy from what the forces at both ends of a step allow, if <S^2> does not change."""
SPIN_CHANGE = 0.2

_NEAR_TIE_HARTREE = 2e-3

_IMPROVED_HARTREE = 1e-6
_SAME_HARTREE = 1e-5


class ScanOutcome(NamedTuple):
    """Labels along a scan in its order; None where there is none, with the reason in `failures` at the same index."""

    labels: list[dft.Label | None]
    failures: dict[int, str]


def label_scan(
    species: dft.Species,
    geometries: Sequence[np.ndarray],
    level: kohn_sham.Level,
    *,
    center: int,
    polarisations: Sequence[np.ndarray] = (),
    fragments: Sequence[Sequence[int]] = (),
    own_grid: bool = False,
    alone: int = 0,
    every_point: bool = False,
) -> ScanOutcome:
    """Labels along a path of geometries (angstrom), each the lowest solution that its own and its neighbours' starts
    reach.

    From `center`, where the molecule is nearest to equilibrium, solutions are carried outward; at the last geometry (or
    at all beyond `center`) the `polarisations` start others, and beyond `center` the `fragments`; then every point is
    tried from the solutions of both neighbours until none improves.

    Args:
        species: elements, charge and spin.
        geometries: in path order, each (n_atoms, 3).
        level: of theory.
        center: index of the geometry to begin with.
        polarisations: of the atoms, (n_atoms,) each, as `starts.polarised` takes them.
        fragments: atoms of the two rigid parts that the path pulls apart; their own solutions side by side, with as
            many unpaired electrons up in one as down in the other, start a singlet.
        own_grid: search a second time on the level's own grid, and take the lower label of each geometry: for paths
            that end in an isolated atom whose open p shell may have any orientation, which a coarse grid misjudges by
            some meV. Neither search finds all that the other does.
        alone: how many of the last geometries the second search, if there is one, also solves as if they had no
            neighbours. A path that begins at a bond leaves open p shells oriented along it.
        every_point: the `polarisations` and each geometry's own restricted solution start others at every geometry
            beyond `center`: for paths on which many bonds break at once, in an order that is not known beforehand.

    Returns:
        A label or a reason for every geometry. A scan that does not settle, or jumps without a change of <S^2>, has
        reasons only.
    """
    search = functools.partial(
        _search,
        species,
        geometries,
        level,
        center=center,
        polarisations=polarisations,
        fragments=fragments,
        every_point=every_point,
    )
    outcomes = [search(dft.EXPLORATION_GRID_LEVEL, alone=0)]
    if own_grid:
        outcomes.append(search(level.grid_level, alone=alone))
    outcome = _lowest(outcomes)
    jump = _unexplained_jump(outcome.labels)
    if jump is not None:
        return _dropped(geometries, f"scan jumps by {jump:.1f} eV without a change of <S^2>")
    return outcome


def _search(
    species: dft.Species,
    geometries: Sequence[np.ndarray],
    level: kohn_sham.Level,
    grid_level: int,
    *,
    center: int,
    polarisations: Sequence[np.ndarray],
    fragments: Sequence[Sequence[int]],
    alone: int,
    every_point: bool,
) -> ScanOutcome:
    """Labels that one search on a grid finds; reasons only if it does not settle."""
    searched = level._replace(grid_level=grid_level)
    scan = _Scan([dft.problem(species, positions, searched) for positions in geometries])
    order = [*range(center, len(geometries)), *range(center - 1, -1, -1)]
    for index in order:
        neighbor = index - 1 if index > center else index + 1
        scan.try_outward(index, None if index == center else neighbor)
    stretched = range(center + 1, len(geometries))
    for index in stretched if every_point else ():
        scan.try_outward(index, None)
    for index in stretched if every_point else (len(geometries) - 1,):
        for polarisation in polarisations:
            scan.try_orbitals(index, starts.polarised(scan.problems[index], polarisation))
    for parts in _antiparallel(species, geometries[-1], searched, fragments) if fragments else ():
        for index in stretched:
            scan.try_orbitals(index, starts.superposed(scan.problems[index], parts))
    for index in range(len(geometries) - alone, len(geometries)):
        scan.try_alone(index)
    if not scan.settle():
        return _dropped(geometries, f"scan not settled after {MAX_SWEEPS} sweeps")
    return _labelled(scan, geometries, level)


def _labelled(scan: "_Scan", geometries: Sequence[np.ndarray], level: kohn_sham.Level) -> ScanOutcome:
    """Solutions of a search, converged on the level's own grid."""
    labels: list[dft.Label | None] = [None] * len(geometries)
    for index, positions in enumerate(geometries):
        if scan.best[index] is None:
            continue
        words = f"stable, lowest of {scan.tried[index]} starts, {len(scan.found[index])} solutions"
        try:
            prepared, best = dft.on_own_grid(scan.problems[index], scan.candidates(index), level)
        except ValueError as error:
            scan.failures[index] = str(error)
        else:
            labels[index] = dft.make_label(prepared, best, positions, f"{dft.kind_of(best)}, {words}")
    return ScanOutcome(labels, scan.failures)


def _lowest(outcomes: Sequence[ScanOutcome]) -> ScanOutcome:
    """Lowest label of each geometry, and the first search's reason where none has one."""
    labels: list[dft.Label | None] = []
    failures: dict[int, str] = {}
    for index, found in enumerate(zip(*(outcome.labels for outcome in outcomes), strict=True)):
        labels.append(min((label for label in found if label), key=lambda label: label.energy, default=None))
        if labels[-1] is None:
            failures[index] = outcomes[0].failures[index]
    return ScanOutcome(labels, failures)


class _Scan:
    """Solutions found so far along a path.

    Solutions carried over from one another without a change of character share a branch. Where a point and its
    neighbour are on one branch, starting either from the other would only find it again.
    """

    def __init__(self, problems: list[kohn_sham.Problem]) -> None:
        self.problems = problems
        self.best: list[Solution | None] = [None] * len(problems)
        self.tried = [0] * len(problems)
        self.found: list[list[Solution]] = [[] for _ in problems]
        self.failures: dict[int, str] = {}
        self._branch = [-1] * len(problems)
        self._num_branches = 0
        self._stable = [False] * len(problems)
        self._visited: set[tuple[int, int]] = set()

    def try_outward(self, index: int, neighbor: int | None) -> None:
        """Carry a neighbour's solution over, restricted until symmetry breaks; without one, search a first solution."""
        prepared = self.problems[index]
        source = None if neighbor is None else self.best[neighbor]
        branch = self._new_branch() if neighbor is None or source is None else self._branch[neighbor]
        try:
            if source is None or source.restricted:
                solution, _ = dft.ground_solution(prepared, None if source is None else source.orbitals)
                if source is not None and not solution.restricted:
                    branch = self._new_branch()
                stable = True
            else:
                solution = kohn_sham.unrestricted(prepared, starts.transferred(prepared, source.orbitals))
                stable = False
        except ValueError as error:
            self._note(index, error)
            return
        if self._keep(index, solution, branch):
            self._stable[index] = stable

    def try_alone(self, index: int) -> None:
        """Start from the solution of a plain loop that knows no neighbours."""
        problem = self.problems[index]
        level = problem.level
        try:
            orbitals = dft.plain_solution(problem.molecule, level.functional, level.grid_level).orbitals
        except ValueError as error:
            self._note(index, error)
            return
        self.try_orbitals(index, orbitals)

    def try_orbitals(self, index: int, orbitals: Orbitals) -> None:
        """Start from given orbitals, on a branch of their own."""
        try:
            solution = kohn_sham.unrestricted(self.problems[index], orbitals)
        except ValueError as error:
            self._note(index, error)
            return
        if self._keep(index, solution, self._new_branch()):
            self._stable[index] = False

    def settle(self) -> bool:
        """Start every point from its neighbours until none improves; False if `MAX_SWEEPS` do not suffice."""
        number = len(self.problems)
        for _ in range(MAX_SWEEPS):
            improved = self.sweep(range(number - 2, -1, -1), +1) + self.sweep(range(1, number), -1)
            improved += self.stabilise()
            if not improved:
                return True
        return False

    def sweep(self, order: range, side: int) -> int:
        """Start each point from its neighbour on one side, if that is on another branch; return how many improved."""
        improved = 0
        for index in order:
            neighbor, prepared = self.best[index + side], self.problems[index]
            branch = self._branch[index + side]
            # Restricted solutions were carried outward already, and their instabilities followed.
            if neighbor is None or neighbor.restricted or branch == self._branch[index]:
                continue
            if (index, branch) in self._visited:
                continue
            self._visited.add((index, branch))
            try:
                solution = kohn_sham.unrestricted(prepared, starts.transferred(prepared, neighbor.orbitals))
            except ValueError as error:
                self._note(index, error)
                continue
            if self._keep(index, solution, branch):
                self._stable[index] = False
                improved += 1
        return improved

    def stabilise(self) -> int:
        """Follow instabilities of the best solutions; return how many improved."""
        improved = 0
        for index, solution in enumerate(self.best):
            if solution is None or self._stable[index]:
                continue
            try:
                relaxed, rounds = stability.relax(self.problems[index], solution)
            except ValueError as error:
                self.best[index] = None
                self.failures[index] = str(error)
                continue
            self._stable[index] = True
            improved += bool(rounds and self._keep(index, relaxed, self._new_branch()))
        return improved

    def candidates(self, index: int) -> list[Solution]:
        """Best solution of a point and those so near above it that a finer grid may order them otherwise."""
        best = self.best[index]
        if best is None:
            return []
        near = [s for s in self.found[index] if 0 < s.energy_hartree - best.energy_hartree < _NEAR_TIE_HARTREE]
        return [best, *near]

    def _new_branch(self) -> int:
        self._num_branches += 1
        return self._num_branches

    def _keep(self, index: int, solution: Solution, branch: int) -> bool:
        self.tried[index] += 1
        if not any(abs(solution.energy_hartree - other.energy_hartree) < _SAME_HARTREE for other in self.found[index]):
            self.found[index].append(solution)
        best = self.best[index]
        if best is None or solution.energy_hartree < best.energy_hartree - _IMPROVED_HARTREE:
            self.best[index], self._branch[index] = solution, branch
            self.failures.pop(index, None)
            return True
        return False

    def _note(self, index: int, error: ValueError) -> None:
        self.tried[index] += 1
        if self.best[index] is None:
            self.failures[index] = str(error)


def _antiparallel(
    species: dft.Species, positions: np.ndarray, level: kohn_sham.Level, fragments: Sequence[Sequence[int]]
) -> Iterator[list[tuple[Sequence[int], Orbitals]]]:
    """Two fragments of a singlet side by side, each with as few unpaired electrons as it can have, then with two more.

    A broken bond of a neutral molecule leaves these; a fragment that does not converge by itself starts nothing.
    """
    if species.charge or species.spin_multiplicity != 1:
        return
    symbols = [tuple(species.symbols[atom] for atom in part) for part in fragments]
    electrons = [sum(electronic_structure.nuclear_charges(part)) for part in symbols]
    fewest = electrons[0] % 2
    for unpaired in (fewest, fewest + 2):
        try:
            alone = [
                dft.problem(dft.Species(part, 0, unpaired + 1), positions[list(atoms)], level)
                for part, atoms in zip(symbols, fragments, strict=True)
            ]
            own = [dft.ground_solution(prepared)[0].orbitals for prepared in alone]
        except ValueError:
            continue
        turned = Orbitals(own[1].down, own[1].up)
        yield [(fragments[0], own[0]), (fragments[1], turned)]


def _dropped(geometries: Sequence[np.ndarray], reason: str) -> ScanOutcome:
    return ScanOutcome([None] * len(geometries), {index: reason for index in range(len(geometries))})


def _unexplained_jump(labels: Sequence[dft.Label | None]) -> float | None:
    """Distance (eV) of a step's energy from the range that its end forces allow, if it leaves it and <S^2> stays.

    Between two points of one smooth curve the energy changes by something between the works of the two end forces,
    unless the force has an extremum in between; `JUMP_EV` allows for that.
    """
    for left, right in itertools.pairwise(labels):
        if left is None or right is None or abs(left.spin_squared - right.spin_squared) > SPIN_CHANGE:
            continue
        step = right.positions - left.positions
        works = sorted((-float(np.sum(left.forces * step)), -float(np.sum(right.forces * step))))
        change = right.energy - left.energy
        outside = max(change - works[1], works[0] - change)
        if outside > max(JUMP_EV, works[1] - works[0]):
            return outside
    return None
