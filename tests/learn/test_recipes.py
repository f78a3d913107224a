import keras
import numpy as np

from mnist_classifier.learn import distillation
from mnist_classifier.learn.moments import MomentNormalization
from mnist_classifier.learn.recipes import CNN_FAST, CNN_SMALL, DNN, cosine_filters
from mnist_classifier.learn.training import build
from mnist_classifier.learn.views import MeanOfViews, TurnedViews


def test_dnn_is_dense_layers_with_relu_and_softmax():
    model = build(DNN)
    assert isinstance(model, keras.Sequential)
    weighted = [layer for layer in model.layers if layer.weights]
    assert all(isinstance(layer, keras.layers.Dense) for layer in weighted)
    assert [layer.activation.__name__ for layer in weighted] == ["relu", "relu", "softmax"]
    assert model.input_shape == (None, 784)
    assert model.count_params() == 784 * 512 + 512 + 512 * 128 + 128 + 128 * 10 + 10


def test_few_images_get_smaller_batches_and_a_lower_learning_rate():
    full, few = DNN.adapted(54_000, None, None), DNN.adapted(3_600, None, None)
    assert full == DNN
    assert few.batch_size == 32
    assert few.learning_rate < full.learning_rate


def test_a_persons_wishes_go_first():
    recipe = DNN.adapted(3_600, epochs=3, batch_size=1000)
    assert (recipe.epochs, recipe.batch_size) == (3, 1000)


def test_a_single_image_still_makes_a_batch():
    assert DNN.adapted(1, None, None).batch_size == 1


def test_cnn_small_is_small():
    assert build(CNN_SMALL).count_params() <= 150_000


def test_dnn_best_learns_by_dense_layers_too():
    network = distillation.build(distillation.DNN_BEST)
    learning = [layer for layer in network.layers if layer.weights]
    assert [type(layer) for layer in learning] == [keras.layers.Dense] * 4
    others = [type(layer) for layer in network.layers if not layer.weights]
    assert others == [TurnedViews, MomentNormalization, MeanOfViews, keras.layers.Softmax]


def test_cosine_filters_are_unit_patterns_that_answer_to_different_things():
    filters = cosine_filters(5).reshape(25, 25).T
    np.testing.assert_allclose(np.linalg.norm(filters, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(filters[1::2], -filters[2::2])  # opposites
    patterns = filters[[0, *range(1, 25, 2)]]
    np.testing.assert_allclose(patterns @ patterns.T, np.eye(13), atol=1e-6)


def test_cnn_fasts_first_convolution_does_not_learn():
    first, second = [layer for layer in build(CNN_FAST).layers if hasattr(layer, "filters")]
    assert not first.trainable_weights
    assert second.trainable_weights
