from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.errors import RunError
from mnist_classifier.learn.evaluation.comparison import common_predictions, compare, holm, mcnemar
from mnist_classifier.learn.evaluation.predictions import Predictions


def test_mcnemar_is_the_coin_toss_computed_by_hand():
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    # Of 10 tosses at most 2, or at least 8: 2 × (1 + 10 + 45) of 1024.
    assert mcnemar(8, 2) == mcnemar(2, 8) == pytest.approx(2 * 56 / 1024)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_raw_and_bonferronis(raw):
    for p, corrected in zip(raw, holm(raw), strict=True):
        assert p <= corrected <= min(1, len(raw) * p) + 1e-12


def test_pairs_count_what_only_one_has_right():
    one = np.array([True, True, True, False, False])
    other = np.array([True, False, False, True, False])
    (pair,) = compare([one, other])
    assert (pair.only_first, pair.only_second, pair.significant) == (2, 1, False)
    always, never = np.ones(20, bool), np.zeros(20, bool)
    assert [pair.significant for pair in compare([always, never, always])] == [True, False, True]


def answers(name, seed=0, right=30):
    labels = np.zeros(40, np.uint8)
    probabilities = np.full((40, 10), 0.05, np.float32)
    probabilities[:right, 0] = probabilities[right:, 1] = 0.55
    return Predictions(name, (f"images {seed}", "labels"), labels, probabilities)


def run(folder, **files):
    folder.mkdir()
    for stem, content in files.items():
        content.save(folder / f"{stem.replace('_', '-', 1)}.npz")
    return folder


def test_the_first_runs_own_test_set_is_taken_where_all_share_it(tmp_path):
    one = run(tmp_path / "one", answers=answers("mnist", 0), answers_a=answers("a", 1))
    two = run(tmp_path / "two", answers=answers("a", 1, 20), answers_mnist=answers("mnist", 0, 10))
    three = run(tmp_path / "three", answers=answers("a", 1))
    assert [found.dataset for found in common_predictions([one, two])] == ["mnist", "mnist"]
    assert [found.right.sum() for found in common_predictions([one, two, three])] == [30, 20, 30]


def test_runs_judged_on_different_images_are_refused(tmp_path):
    one = run(tmp_path / "one", answers=answers("mnist", 0))
    two = run(tmp_path / "two", answers=answers("sample", 1))
    with pytest.raises(RunError, match=r"different test sets \(.*one on mnist; .*two on sample\)"):
        common_predictions([one, two])


def test_a_run_that_was_not_judged_and_a_lone_run_are_refused(tmp_path):
    one = run(tmp_path / "one", answers=answers("mnist"))
    with pytest.raises(RunError, match="expected two or more"):
        common_predictions([one])
    with pytest.raises(RunError, match=r"holds no answers\.npz.*mnist evaluate"):
        common_predictions([one, tmp_path / "none"])


@pytest.mark.parametrize("labels", [np.zeros(20, np.uint8), np.ones(40, np.uint8)])
def test_runs_with_different_labels_of_one_test_set_are_refused(tmp_path, labels):
    own = answers("mnist")
    other = replace(own, labels=labels, probabilities=own.probabilities[: len(labels)])
    runs = run(tmp_path / "one", answers=own), run(tmp_path / "two", answers=other)
    with pytest.raises(RunError, match=r"two and .*one have different labels of one test set"):
        common_predictions(runs)


@pytest.mark.parametrize(
    ("labels", "probability"),
    [(0, np.nan), (0, np.inf), (0, -0.1), (0, 1e30), (0, 2), (10, 0.1), (255, 0.1)],
)
def test_senseless_answers_are_refused(tmp_path, labels, probability):
    own = answers("mnist")
    own.labels[3], own.probabilities[5, 7] = labels, probability
    own.save(tmp_path / "answers.npz")
    with pytest.raises(RunError, match="labels above 9 or numbers that are no prob.*diverged"):
        Predictions.load(tmp_path / "answers.npz")


@given(st.binary(max_size=200))
def test_answers_are_data_whatever_the_file_holds(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("answers") / "answers.npz"
    path.write_bytes(content)
    with pytest.raises(RunError, match="cannot be read"):
        Predictions.load(path)


def test_a_pickle_in_answers_is_not_opened(tmp_path):
    path = tmp_path / "answers.npz"
    harmless = np.array([{"opened": True}], object)
    np.savez(path, dataset=harmless, sha256=harmless, labels=harmless, probabilities=harmless)
    with pytest.raises(RunError, match="cannot be read"):
        Predictions.load(path)
