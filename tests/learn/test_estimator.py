import contextlib
import functools
import pickle
import random

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

from mnist_classifier.learn import DigitClassifier
from tests.conftest import small_arrays


@pytest.fixture(scope="module")
def images():
    train_images, train_labels, _, _ = small_arrays()
    return train_images.reshape(len(train_images), -1), train_labels


def quick(**settings):
    return DigitClassifier(**{"epochs": 3, "batch_size": 20, "random_state": 0, **settings})


@contextlib.contextmanager
def untraced():
    """Let networks compiled inside run eagerly: to trace a step or two takes longer than they."""
    with pytest.MonkeyPatch.context() as patch:
        eager = functools.partialmethod(keras.Model.compile, run_eagerly=True)
        patch.setattr(keras.Model, "compile", eager)
        yield


def learned_once(X, y):
    """Return a classifier that has learned images in two steps."""
    with untraced():
        return quick(epochs=1, batch_size=100).fit(X, y)


@pytest.fixture(scope="module")
def once(images):
    """A classifier that has learned the images' bytes in two steps; not to be changed."""
    return learned_once(*images)


@pytest.mark.slow
def test_scikit_learns_own_checks():
    # Skipped where scikit-learn skips it: array API input, unless SCIPY_ARRAY_API is set.
    classifier = DigitClassifier(epochs=1, batch_size=100, random_state=0)
    with untraced():  # most of these fifty trainings have a step or two
        results = check_estimator(classifier, on_skip=None, on_fail=None)
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}
    assert len(results) > 40


def test_it_learns_images_and_says_so(images):
    classifier = quick().fit(*images)
    assert classifier.score(*images) > 0.9
    assert classifier.predict_proba(images[0]).shape == (200, 10)
    assert [len(values) for values in classifier.history_.values()] == [3] * 4
    assert 1 <= classifier.best_epoch_ <= 3
    assert classifier.n_features_in_ == 784


def test_it_is_the_recipe_of_the_program(once):
    layers = once.model_.layers
    assert [layer.units for layer in layers if hasattr(layer, "units")] == [512, 128, 10]


def test_bytes_and_shares_of_them_mean_the_same(images, once):
    X, y = images
    np.testing.assert_allclose(
        once.predict_proba(X),
        learned_once(X / np.float32(255), y).predict_proba(X / np.float32(255)),
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", ["int64", "float64", "float32", "nested", "images"])
def test_bytes_of_any_type_and_shape_are_the_same_bytes(images, once, kind):
    X, y = images
    forms = {"nested": X.astype(int).tolist(), "images": X.reshape(-1, 28, 28).astype(int)}
    given = forms[kind] if kind in forms else X.astype(kind)
    other = learned_once(given, y)
    assert other.scale_ == 255
    expected = once.predict_proba(X)
    np.testing.assert_array_equal(other.predict_proba(given), expected)
    np.testing.assert_array_equal(once.predict_proba(given), expected)
    np.testing.assert_array_equal(other.predict_proba(X), expected)
    shares = X / np.float32(255)
    np.testing.assert_allclose(once.predict_proba(shares), expected, atol=1e-6)


@pytest.mark.parametrize("highest", [0.99, 1, 16, 300])
def test_what_is_no_bytes_is_taken_as_it_is(images, highest):
    X, y = images
    values = np.where(X > 100, highest, 0)
    assert learned_once(values, y).scale_ == 1


def test_the_samples_own_images_are_learned_as_they_come(sample):
    X, y = sample.train_images[:600].astype(float), sample.train_labels[:600]
    assert cross_val_score(quick(epochs=4), X, y, cv=2).mean() > 0.7


def test_the_same_random_state_gives_the_same_weights_and_another_gives_others(images):
    first, again, other = (
        quick(random_state=state).fit(*images).model_.get_weights() for state in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_callers_random_numbers_are_left_alone(images):
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    quick(epochs=1).fit(*images)
    assert (random.random(), np.random.random()) == expected


def test_labels_may_be_words(images):
    X, y = images
    words = np.array(["even", "odd"])[y % 2]
    classifier = quick().fit(X, words)
    assert list(classifier.classes_) == ["even", "odd"]
    assert set(classifier.predict(X)) <= {"even", "odd"}
    assert classifier.predict_proba(X).shape == (200, 2)


def test_it_pickles_and_clones(images):
    X, y = images
    classifier = quick(epochs=1).fit(X, y)
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_it_works_in_scikit_learns_machinery(images):
    X, y = images
    assert cross_val_score(quick(epochs=2), X, y, cv=2).mean() > 0.8
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), quick(epochs=2)),
        {"digitclassifier__learning_rate": [1e-7, 3e-3]},
        cv=2,
    ).fit(X.astype(float), y)
    assert search.best_params_ == {"digitclassifier__learning_rate": 3e-3}
    assert search.score(X.astype(float), y) > 0.8


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([3] * 20, {}, "1 class, 3; expected 2 or more"),
        ([0] * 19 + [1], {}, "the label 1 has 1 sample"),
        ([0, 1] * 10, {"validation_share": 1.5}, "validation_share is 1.5"),
    ],
)
def test_what_cannot_be_learned_is_refused(labels, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(np.zeros((20, 784), np.uint8), np.array(labels))
