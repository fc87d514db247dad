"""Conversion of many files by many workers: one file a task, one manifest at the end.

    OUT.shards/plan.json                 files and options, by which a continued conversion is known again
    OUT.shards/part-00012/               shards of file 12, as `shards.write_shards` leaves and continues them
    OUT.shards/part-00012-zero.npz       what file 12 says of the zero of energy, where that follows from all files
    OUT.shards/part-00012.lock, .failed  locked by its worker; why the file was refused
    OUT.shards/manifest.json             of all parts, written last: only then is the folder a dataset

Workers take tasks by locks of the operating system, on this machine or many. Whatever is killed, whole shards stay, and
the same command goes on behind them. Repeated geometries within a file are found while it is read, those of two files
at the end, by hashes in the shards' indices.
"""

import concurrent.futures
import contextlib
import json
import multiprocessing
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale import errors
from h2scale.data import duplicates, readers, shards, streaming
from h2scale.data.readers import ase_database, finishing, zero
from h2scale.runtime import cluster, files, progress

PLAN = "plan.json"
_IDLE_SECONDS = 0.2


class Task(NamedTuple):
    """The reading of one of the files."""

    file: str
    part: str  # folder in the output


def expanded(paths: Sequence[str | Path], name: str) -> list[Path]:
    """Return the files that are tasks of their own: the databases in a folder of them, else the paths as they are."""
    if name != "ase":
        return [Path(path) for path in paths]
    return [file for path in paths for file in ase_database.databases(Path(path))]


def convert_files(
    paths: Sequence[Path],
    output: Path,
    options: Mapping[str, Any],
    settings: cluster.ClusterSettings,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Convert files into one folder of shards and return its manifest.

    Args:
        paths: of the files, each one task; their order is that of the structures.
        output: a .shards folder, new or begun by the same call.
        options: of `readers.read` by name, JSON values; `format` among them.
        settings: launcher, and resources of each job; `here` for processes of this machine without a launcher.
        workers: processes or jobs.
        say: called with lines for a reader.

    Raises:
        InputError: a file is refused, two of them do not go together, the folder holds something else, or a worker was
            killed too often. Whole shards stay.
    """
    tasks = [Task(str(path.absolute()), f"part-{number:05d}") for number, path in enumerate(paths)]
    _begin(output, tasks, options)
    for failed in output.glob("*.failed"):
        failed.unlink()
    with progress.Progress(len(tasks), len(tasks), things="files", rate="structures") as bar:
        seen: set[str] = set()

        def look() -> None:
            new = [task for task in tasks if task.part not in seen and _is_done(output, task)]
            for task in new:
                seen.add(task.part)
                bar.advance(1, shards.read_index(output / task.part, verify=False)["manifest"]["num_structures"])
            bar.finish_replicas(len(new))

        for _ in _run(output, settings, workers):
            look()
        look()
    refused = sorted(output.glob("*.failed"))
    if refused:
        first = refused[0].read_text(encoding="utf-8")
        raise errors.InputError(f"{len(refused)} of {len(tasks)} files were refused, the first: {first}")
    return _gather(output, tasks, bool(options["keep_first"]), say)


def work(folder: str) -> int:
    """Do tasks until none is left and return how many this worker did."""
    output = Path(folder)
    plan = json.loads((output / PLAN).read_text(encoding="utf-8"))
    tasks, options = [Task(*task) for task in plan["tasks"]], plan["options"]
    asked = _zero_asked(options)
    known = readers.zero_of_files([Path(task.file) for task in tasks], options["format"], asked, options["declared"])
    if known is not None:
        _do_all(
            output, tasks, lambda task: _zero_file(output, task).is_file(), lambda task: _sum(output, task, options)
        )
        if any((output / f"{task.part}.failed").exists() for task in tasks):
            return 0
        asked = known([_read_sums(_zero_file(output, task)) for task in tasks])
    return _do_all(
        output, tasks, lambda task: _is_done(output, task), lambda task: _convert(output, task, options, asked)
    )


def _do_all(output: Path, tasks: Sequence[Task], is_done: Callable[[Task], bool], do: Callable[[Task], None]) -> int:
    """Do those tasks that nobody does, and wait for those that others do."""
    done = 0
    while True:
        waiting = False
        for task in tasks:
            failed = output / f"{task.part}.failed"
            if is_done(task) or failed.exists():
                continue
            with files.try_lock(output / f"{task.part}.lock") as locked:
                if not locked:
                    waiting = True
                elif not is_done(task) and not failed.exists():
                    try:
                        do(task)
                        done += 1
                    except errors.InputError as error:
                        files.write_text(failed, str(error))
        if not waiting:
            return done
        time.sleep(_IDLE_SECONDS)


def _convert(output: Path, task: Task, options: Mapping[str, Any], asked: readers.Zero) -> None:
    reading = readers.read(
        task.file,
        options["format"],
        atomic_energies_ev=asked,
        elements=options["elements"],
        rung=options["rung"],
        keep_first=options["keep_first"],
        check_units=options["check_units"],
        **options["declared"],
    )
    shards.write_shards(output / task.part, reading.structures, reading.manifest)


def _sum(output: Path, task: Task, options: Mapping[str, Any]) -> None:
    sums = readers.zero_sums(Path(task.file), options["format"], options["elements"], options["declared"])
    files.write_bytes(_zero_file(output, task), files.npz_bytes(sums._asdict()))


def _read_sums(path: Path) -> zero.Sums:
    with np.load(path) as file:
        return zero.Sums(**{name: file[name] for name in zero.Sums._fields})


def _zero_file(output: Path, task: Task) -> Path:
    return output / f"{task.part}-zero.npz"


def _zero_asked(options: Mapping[str, Any]) -> readers.Zero:
    asked: readers.Zero = options["atomic_energies_ev"]
    return asked


def _is_done(output: Path, task: Task) -> bool:
    return shards.is_complete(output / task.part)


def _run(output: Path, settings: cluster.ClusterSettings, workers: int) -> Iterator[None]:
    """Run workers until all have ended, yielding now and then."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as waiting:
        if settings.launcher == "here":
            running = waiting.submit(_processes, output, workers)
        else:
            running = waiting.submit(_jobs, output, settings, workers)
        while not running.done():
            yield
            time.sleep(_IDLE_SECONDS)
        running.result()


def _processes(output: Path, workers: int) -> None:
    # Not by fork: the libraries that are loaded here have threads.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=workers, mp_context=context) as pool:
        try:
            list(pool.map(work, [str(output)] * workers))
        except concurrent.futures.process.BrokenProcessPool as error:
            raise errors.InputError(f"a worker was killed; the same command continues {output}.") from error


def _jobs(output: Path, settings: cluster.ClusterSettings, workers: int) -> None:
    results = cluster.map_jobs(work, [str(output.absolute())] * workers, settings, output / "jobs")
    failed = [result for result in results if result.error is not None]
    if failed:
        raise errors.InputError(
            f"job {failed[0].name}: {failed[0].error}; whole shards stay, and the same command continues."
        )


def _begin(output: Path, tasks: Sequence[Task], options: Mapping[str, Any]) -> None:
    plan = json.loads(json.dumps({"tasks": tasks, "options": options}))
    if shards.is_complete(output):
        raise errors.InputError(f"{output} holds a whole dataset already; remove it or write to another folder.")
    if output.exists() and any(output.iterdir()):
        stored = output / PLAN
        if not stored.is_file() or json.loads(stored.read_text(encoding="utf-8")) != plan:
            raise errors.InputError(
                f"{output} was begun with other files or options, or holds something else; remove it or write to "
                f"another folder."
            )
        return
    output.mkdir(exist_ok=True)
    files.write_text(output / PLAN, json.dumps(plan))


def _gather(output: Path, tasks: Sequence[Task], keep_first: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Write the manifest of all parts, without geometries that an earlier file has."""
    indices = [shards.read_index(output / task.part, verify=False) for task in tasks]
    manifests = [index["manifest"] for index in indices]
    for task, manifest in zip(tasks, manifests, strict=True):
        for name in ("level", "has_forces", "read_as", "units_in_the_source", "zero_is_fit"):
            if manifest.get(name) != manifests[0].get(name):
                raise errors.InputError(
                    f"{task.file}: its {name} is {manifest.get(name)}, and that of {tasks[0].file} is "
                    f"{manifests[0].get(name)}; one dataset has one."
                )
    places = [(task, shard) for task, index in zip(tasks, indices, strict=True) for shard in index["shards"]]
    repeated = _repeated([output / task.part / shard["name"] for task, shard in places], keep_first)
    dropped = sum((Counter(manifest["dropped"]) for manifest in manifests), Counter())
    dropped[finishing.REPEATED] += sum(map(len, repeated.values()))
    found = [
        {**shard, "name": f"{task.part}/{shard['name']}"}
        if number not in repeated
        else _without(output, task, shard, repeated[number])
        for number, (task, shard) in enumerate(places)
    ]
    entries = [entry for entry in found if entry is not None]
    total = sum(entry["num_structures"] for entry in entries)
    manifest = {
        **manifests[0],
        "sources": [source for own in manifests for source in own["sources"]],
        "dropped": {reason: count for reason, count in dropped.items() if count},
        "num_structures": total,
    }
    shards.write_manifest(output, entries, manifest)
    for leftover in output.glob("part-*.*"):
        leftover.unlink()
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(output / "jobs")
    say(f"found: {total} structures in {len(tasks)} files and {len(entries)} shards")
    for reason, count in manifest["dropped"].items():
        say(f"left out: {count}, {reason}")
    return manifest


def _repeated(folders: Sequence[Path], keep_first: bool) -> dict[int, np.ndarray]:
    """Rows of each shard whose geometry an earlier shard has; of one shard, and of one file, none is.

    Raises:
        InputError: with another energy, and the first is not to be kept.
    """
    hashes, energies = [], []
    for folder in folders:
        with np.load(folder / shards.INDEX) as file:
            hashes.append(file["geometry"])
            energies.append(file["energy"])
    ends = np.cumsum([len(own) for own in hashes])
    joined, energy = np.concatenate(hashes), np.concatenate(energies)
    _, first, own = np.unique(joined, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[own] != np.arange(len(joined)))
    difference = energy[later] - energy[first[own[later]]]
    apart = np.flatnonzero(np.abs(difference) > duplicates.SAME_ENERGY_EV)
    owner = np.searchsorted(ends, later, side="right")
    if len(apart) and not keep_first:
        place, row = owner[apart[0]], later[apart[0]]
        raise errors.InputError(
            f"{folders[place]}, structure {row - np.append(0, ends)[place]}: another file has its geometry with an "
            f"energy that differs by {difference[apart[0]]:.4g} eV; one geometry must have one label (--keep-first "
            f"leaves the later ones out)."
        )
    return {int(place): later[owner == place] - int(np.append(0, ends)[place]) for place in np.unique(owner)}


def _without(output: Path, task: Task, shard: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any] | None:
    """Write a shard anew without some of its structures, beside the old one; its entry, or None if none stays."""
    dataset = streaming.ShardedDataset(output / task.part, verify=False)
    first = dataset.first_of(shard["name"])
    kept = first + np.delete(np.arange(shard["num_structures"]), rows)
    if not len(kept):
        return None
    return shards.write_one(output, f"{task.part}/{shard['name']}-once", dataset.gather(kept))
