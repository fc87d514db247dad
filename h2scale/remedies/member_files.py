"""Trained members of one rung in one .npz file, so that a ladder that was interrupted continues after its last rung.

A file belongs to what its members were trained on and how; for anything else it is as if it were not there.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from h2scale.remedies import ladder, parameters
from h2scale.remedies.corrections import Form
from h2scale.remedies.library import Library
from h2scale.remedies.rungs import Rung
from h2scale.runtime import files

_VERSION = 1
"""To be raised when training changes."""


def question(rung: Rung, data: Library, grid: ladder.Grid, orders: Mapping[int, np.ndarray]) -> str:
    """Hash of all that decides the members of a rung but the code: rung, grid, orders, labels and rows."""
    about = [_VERSION, rung, grid, sorted((seed, order.tolist()) for seed, order in orders.items())]
    digest = hashlib.sha256(json.dumps(about).encode())
    for leaf in jax.tree.leaves(ladder.task_of(rung, data)):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def save(path: Path, members: Sequence[ladder.Member], key: str) -> None:
    """Write all members of a rung."""
    heads: list[dict[str, object]] = []
    arrays: dict[str, np.ndarray] = {}
    for place, member in enumerate(members):
        leaves = parameters.flatten(member.params)
        own = {name: getattr(member, name) for name in _PLAIN}
        heads.append(own | {"form": member.form._asdict(), "leaves": list(leaves)})
        arrays |= {f"{place}:{number}": leaf for number, leaf in enumerate(leaves.values())}
    arrays |= {"centre": members[0].scale.centre, "spread": members[0].scale.spread}
    arrays["head"] = np.array(json.dumps({"question": key, "members": heads}))
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, files.npz_bytes(arrays))


def load(path: Path, rung: Rung, key: str) -> list[ladder.Member]:
    """Members of a rung; none where there is no file, or one of another question."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as file:
        head = json.loads(str(file["head"]))
        if head["question"] != key:
            return []
        scale = ladder.Scale(file["centre"], file["spread"])
        return [
            ladder.Member(
                rung=rung,
                form=Form(**own["form"]),
                params=parameters.unflatten(
                    {name: file[f"{place}:{number}"] for number, name in enumerate(own["leaves"])}
                ),
                scale=scale,
                **{name: own[name] for name in _PLAIN},
            )
            for place, own in enumerate(head["members"])
        ]


_PLAIN = ("width", "num_train", "seed", "learning_rate", "weight_decay", "num_params", "validation_mae_ev")
"""Fields of a member that are one number."""
