import keras

from mnist_classifier.learn.recipes import CNN_SMALL, DNN
from mnist_classifier.learn.training import build


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
