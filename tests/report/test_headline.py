"""The opening sentence says what the trends of the tables say, and no more."""

import numpy as np
import pytest
import synthetic

from h2scale.report import headline, summary
from h2scale.report.claims import in_distribution
from h2scale.runtime import tables
from h2scale.scaling import fits


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = synthetic.write_workdir(
        tmp_path_factory.mktemp("headline"),
        models=("nequip",),
        rungs=("equilibrium",),
        num_sizes=3,
        num_data=3,
        num_seeds=3,
        num_diverged=0,
    )
    replicas, curves = (tables.read_table(folder / name) for name in ("replicas.csv", "curves.csv"))
    return summary.Run(replicas, fits.arm_labels(replicas), curves, {}, {}, {}, {}, [], {})


def following(run, inside, outside):
    """The run with in-distribution and H2 errors that follow power laws with these exponents in N and D."""
    log_x = np.log([run.replicas["num_params"], run.replicas["num_train"]])
    log_x -= log_x.mean(axis=1, keepdims=True)
    noise = np.random.default_rng(0).normal(0, 0.02, (2, log_x.shape[1]))
    first, second = (np.exp(np.array(power) @ log_x + own) for power, own in zip((inside, outside), noise, strict=True))
    curves = dict(run.curves)
    own = dict(zip(run.replicas["replica_id"].tolist(), second.tolist(), strict=True))
    curves["energy_ev"] = curves["exact_ev"] + [own[name] for name in curves["replica_id"].tolist()]
    return run._replace(replicas=run.replicas | {in_distribution.COLUMN: first}, curves=curves)


@pytest.mark.parametrize(
    ("inside", "outside", "sentence"),
    [
        ((-0.3, -0.3), (0.0, 0.0), "falls with parameters and data; the H₂ error from 0.6 Å on is flat in parameters"),
        ((0.0, -0.4), (0.4, 0.0), "is flat in parameters and falls with data; the H₂ error from 0.6 Å on rises with"),
        ((-0.3, -0.3), (-0.3, -0.3), "alike: each falls with parameters and data"),
    ],
    ids=["only inside", "apart", "alike"],
)
def test_headline_says_what_the_trends_say(run, inside, outside, sentence):
    assert sentence in headline.headline(following(run, inside, outside), "nequip")


def test_a_grid_of_one_size_tells_no_trend(run):
    small = run.replicas["num_params"] == run.replicas["num_params"].min()
    small &= run.replicas["num_train"] == run.replicas["num_train"].min()
    one = run._replace(replicas=tables.select(run.replicas, small), arms=run.arms[small])
    assert "the grid is too small to tell a trend" in headline.headline(one, "nequip")


def test_summary_names_the_scope_and_the_zero_model(run):
    text = headline.summarise(run, "nequip")
    assert "27 NequIP replicas" in text
    assert "3 seeds" in text
    assert "predicting zero scores 1.5 eV" in text
