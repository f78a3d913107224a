"""All recipes by name, the module that trains each, and what their networks cost."""

from __future__ import annotations

import math
from types import ModuleType

import keras
import numpy as np
from keras import layers

from mnist_classifier.learn import distillation, ensemble, reader, recipes, training
from mnist_classifier.learn.augmentation import Images, deform
from mnist_classifier.learn.datasets import Part
from mnist_classifier.learn.views import MeanOfViews, TurnedViews

Recipe = (
    recipes.Recipe | distillation.DistilledRecipe | ensemble.EnsembleRecipe | reader.ReaderRecipe
)

_ALL: tuple[Recipe, ...] = (
    recipes.DNN,
    distillation.DNN_BEST,
    recipes.CNN_FAST,
    recipes.CNN_SMALL,
    recipes.CNN_BEST,
    ensemble.ENSEMBLE,
    reader.READER,
)
BY_NAME = {recipe.name: recipe for recipe in _ALL}
_COUNTED = (layers.Dense, layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def ways(recipe: Recipe) -> ModuleType:
    """Return the module that builds, compiles and fits a recipe's network."""
    if isinstance(recipe, ensemble.EnsembleRecipe):
        return ensemble
    if isinstance(recipe, distillation.DistilledRecipe):
        return distillation
    return reader if isinstance(recipe, reader.ReaderRecipe) else training


def cost(recipe: Recipe) -> dict[str, int]:
    """Return a network's ``parameters`` and its ``multiply_adds`` for each image."""
    model = ways(recipe).build(recipe)
    return {"parameters": model.count_params(), "multiply_adds": multiply_adds(model)}


def multiply_adds(model: keras.Model) -> int:
    """Count the multiplications, each with its addition, that one image takes.

    Those of dense layers and convolutions count; additions alone, activations, normalisation
    and pooling do not, as is usual. What sees several views of an image counts for each.

    Raises:
        TypeError: A layer multiplies by a matrix in a way that is not known here.
    """
    total, views = 0, 1
    for layer in model.layers:
        if isinstance(layer, TurnedViews):
            views = layer.views
            total += (views - 1) * math.prod(layer.input.shape[1:]) ** 2
        elif isinstance(layer, MeanOfViews):
            views = 1
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
            continue
        # A bias and a normalisation's factors have one axis, what multiplies has more.
        products = sum(math.prod(w.shape) for w in layer.weights if len(w.shape) > 1)
        if products and not isinstance(layer, _COUNTED):
            raise TypeError(f"how many multiply-adds {type(layer).__name__} takes is not known")
        total += products and views * products * math.prod(layer.output.shape[1:-1])
    return total


def deforming() -> list[str]:
    """Return the names of the recipes that deform images while they learn."""
    return [name for name, recipe in BY_NAME.items() if recipe.deformation]


def augmented(recipe: Recipe, part: Part, seed: int, epoch: int) -> Images:
    """Deform images as an epoch of the recipe would, in their order.

    Args:
        recipe: One that deforms.
        part: The images and their labels.
        seed: Of the training.
        epoch: Counted from 0.

    Returns:
        Shape ``(n, 28, 28)``, float32 in [0, 1].
    """
    generator = np.random.default_rng((seed, epoch))
    if isinstance(recipe, reader.ReaderRecipe):
        return reader.drawn_epoch(part, recipe, generator, epoch)[: len(part)]
    return deform(part.x.reshape(-1, 28, 28), generator, recipe.deformation)
