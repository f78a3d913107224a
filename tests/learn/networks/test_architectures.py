import keras
import numpy as np

from mnist_classifier.learn.networks.architectures import cosine_filters
from mnist_classifier.learn.networks.layers import MeanOverTTA, MomentNormalization, RotationTTA
from mnist_classifier.learn.recipes.distilled import DNN_BEST
from mnist_classifier.learn.recipes.standard import CNN_BEST, CNN_FAST, CNN_SMALL, DNN


def test_dnn_is_dense_layers_with_relu_and_softmax():
    model = DNN.build()
    assert isinstance(model, keras.Sequential)
    weighted = [layer for layer in model.layers if layer.weights]
    assert all(isinstance(layer, keras.layers.Dense) for layer in weighted)
    assert [layer.activation.__name__ for layer in weighted] == ["relu", "relu", "softmax"]
    assert model.input_shape == (None, 784)
    assert model.count_params() == 784 * 512 + 512 + 512 * 128 + 128 + 128 * 10 + 10


def test_cnn_small_is_small():
    assert CNN_SMALL.build().count_params() <= 50_000


def test_dnn_best_learns_by_dense_layers_too():
    network = DNN_BEST.build()
    learning = [layer for layer in network.layers if layer.weights]
    assert [type(layer) for layer in learning] == [keras.layers.Dense] * 4
    others = [type(layer) for layer in network.layers if not layer.weights]
    assert others == [RotationTTA, MomentNormalization, MeanOverTTA, keras.layers.Softmax]


def test_cosine_filters_are_unit_patterns_that_answer_to_different_things():
    filters = cosine_filters(5).reshape(25, 25).T
    np.testing.assert_allclose(np.linalg.norm(filters, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(filters[1::2], -filters[2::2])  # opposites
    patterns = filters[[0, *range(1, 25, 2)]]
    np.testing.assert_allclose(patterns @ patterns.T, np.eye(13), atol=1e-6)


def test_cnn_fasts_first_convolution_does_not_learn():
    first, second = [layer for layer in CNN_FAST.build().layers if hasattr(layer, "filters")]
    assert not first.trainable_weights
    assert second.trainable_weights


def test_cnn_best_answers_with_test_time_augmentation():
    kinds = [type(layer) for layer in CNN_BEST.build().layers]
    assert (kinds[0], kinds[-2:]) == (RotationTTA, [MeanOverTTA, keras.layers.Softmax])
