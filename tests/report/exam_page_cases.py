"""Made-up results of two models, and the exam's page of such results."""

import copy
import json

from h2scale.exam import records
from h2scale.report import exam_page


def finding(section, system, check, status, value=None, low=None, high=None, reason=""):
    return {
        "section": section,
        "system": system,
        "check": check,
        "value": value,
        "unit": "eV",
        "reference": None,
        "low": low,
        "high": high,
        "status": status,
        "reason": reason,
    }


GOOD = {
    "name": "good",
    "entry": "a:b",
    "kwargs": {},
    "charge": "info:charge",
    "spin": "info:spin",
    "facts": {"package": "p"},
    "environment": {"python": "3.11.7", "packages": {"ase": "3.26"}},
    "earlier_environments": {"shapes": {"python": "3.10.1", "packages": {"ase": "3.22"}}},
    "seconds": 3.0,
    "complete": True,
    "findings": [
        finding("conditioning checks", "H2", "charge reaches the model", "pass", 16.4, 0.001),
        finding("hydrogen", "H2", "D_e", "pass", 4.75, 4.7, 4.8),
        finding("hydrogen", "H2", "tail: mean absolute error", "fail", 0.9, 0.0, 0.1),
        finding("hydrogen", "H2", "well: mean absolute error", "fail", 0.2, 0.0, 0.1),
        finding("bare nuclei", "H+ H+", "slope of log E beyond 6 Å", "pass", -1.0, -1.05, -0.95),
        finding("shape, ml-peg", "HH", "force flips", "measured", 1.0),
    ],
    "curves": [
        {
            "section": "hydrogen",
            "system": "H2",
            "note": "own atoms",
            "distances": [0.4, 0.74, 1.5, 4.0],
            "energies": [1.0, -4.7, -2.0, None],
            "references": {"exact": [1.1, -4.75, -2.1, -0.01]},
        },
        {
            "section": "bare nuclei",
            "system": "H+ H+",
            "note": "own separated nuclei",
            "distances": [0.5, 1.0, 10.0],
            "energies": [28.8, 14.4, 1.44],
            "references": {"exact, Z Z / R": [28.8, 14.4, 1.44]},
        },
    ],
}
BAD = copy.deepcopy(GOOD) | {
    "name": "bad <b>&",
    "complete": False,
    "findings": [
        finding(
            "conditioning checks",
            "H2",
            "charge reaches the model",
            "not conditioned",
            reason="takes no </script> charge",
        ),
        finding("hydrogen", "H2", "D_e", "error", reason="the energy is nan"),
    ],
    "curves": GOOD["curves"][:1],
}


def write(folder, *models):
    folder.mkdir(exist_ok=True)
    (folder / "exam.json").write_text(json.dumps({"format": records.FORMAT, "models": models}), encoding="utf-8")
    return folder


def page(folder, *models):
    return exam_page.write_exam_page(write(folder, *models)).read_text(encoding="utf-8")
