"""The check of a dataset says what it finds as it goes, and counts it at the end."""

import numpy as np

from h2scale.labels import relabel

DIFFERENCES_EV = {"same": 1e-6, "lower": -1e-3, "higher": 1e-3, "failed": np.nan}


def compared(difference_ev):
    return relabel.Comparison(7, "O", "stretched", difference_ev, 1e-3, 2.0)


def test_verdict_follows_the_sign_of_the_difference():
    assert {word: compared(value).verdict for word, value in DIFFERENCES_EV.items()} == {w: w for w in DIFFERENCES_EV}


def test_comparisons_go_to_stderr_and_the_counts_to_stdout(monkeypatch, capsys):
    differences = iter([1e-6, -1e-3, 1e-6])
    monkeypatch.setattr(relabel, "relabel", lambda dataset, index, route: compared(next(differences)))
    relabel.main(["pbe0_def2svp", "--number=3"])
    captured = capsys.readouterr()
    assert captured.out == "2 same, 1 lower\n"
    assert captured.err.count("stretched    same") == 2
    assert "7 O              stretched    lower  -1.00e-03 eV, forces 1.0e-03 eV/angstrom, 2.0 s" in captured.err
    assert "3/3 labels done" in captured.err
