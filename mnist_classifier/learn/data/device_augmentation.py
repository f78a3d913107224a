"""Data augmentation on an accelerator: `augmentation.deform`'s distribution, drawn by JAX."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import jax
from jax import numpy as jnp

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.augmentation import Deformation, smoothing

_MARGIN = 2  # pixels of background on each side, from which what lies outside is sampled
_TOGETHER = 5000  # images deformed at a time: some hundred megabytes


class DeviceImages:
    """Images that lie on the accelerator and are deformed there, anew in each epoch.

    Args:
        x: Shape ``(n, side²)``, floats in [0, 1].
        deformations: All that `deformed` will be asked for: one compiled function serves them.
    """

    def __init__(self, x: Floats, deformations: Sequence[Deformation]) -> None:
        self._x = jnp.asarray(x)
        self._used = {
            name
            for deformation in deformations
            for name, value in asdict(deformation).items()
            if value and name != "elastic_smoothness"
        }

    def deformed(self, deformation: Deformation | None, seed: int, epoch: int) -> Any:
        """Return the images of an epoch, shape ``(n, side²)``: the same for a seed and epoch.

        Args:
            deformation: How far; ``None``: not at all.
            seed: The training's.
            epoch: Counted from 0.
        """
        if deformation is None:
            return self._x
        extents = {name: jnp.float32(getattr(deformation, name)) for name in sorted(self._used)}
        key = jax.random.fold_in(jax.random.key(seed), epoch)
        return deform(self._x, key, extents, deformation.elastic_smoothness)


@partial(jax.jit, static_argnames="smoothness")
def deform(images: Any, key: Any, extents: Mapping[str, Any], smoothness: float = 4.0) -> Any:
    """Deform each image by its own random affine and elastic map, pen and light.

    Args:
        images: Shape ``(n, side²)``, floats in [0, 1], light on dark.
        key: JAX's random key; the same one gives the same images.
        extents: A deformation's amounts by name; one that is left out costs nothing.
        smoothness: As ``Deformation.elastic_smoothness``, in pixels.

    Returns:
        Shape ``(n, side²)``, float32 in [0, 1].
    """
    n, pixels = images.shape
    side = round(pixels**0.5)
    short = -n % min(n, _TOGETHER)
    parts = jnp.pad(images, ((0, short), (0, 0))).reshape(-1, min(n, _TOGETHER), side, side)

    def part(of: tuple[Any, Any]) -> Any:
        own, own_key = of
        return _change_pen(_warp(own, own_key, extents, smoothness), own_key, extents)

    deformed = jax.lax.map(part, (parts, jax.random.split(key, len(parts))))
    return deformed.reshape(-1, pixels)[:n]


def _uniform(key: Any, name: str, extents: Mapping[str, Any], n: int) -> Any:
    """Draw one number an image from [-extent, extent], by a name; shape ``(n, 1, 1)``."""
    numbers = jax.random.uniform(_key_of(key, name), (n, 1, 1), minval=-1, maxval=1)
    return numbers * extents.get(name.partition(" ")[0], 0)


def _key_of(key: Any, name: str) -> Any:
    """Return a random key for each name."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def _displacement(key: Any, shape: tuple[int, int, int], smoothness: float) -> Any:
    """Draw a smooth random field for each image, in pixels; shape ``(n, side, side)``."""
    n, side, _ = shape
    matrix = jnp.asarray(smoothing(side, smoothness))
    noise = jax.random.normal(key, (n, matrix.shape[1], matrix.shape[1]))
    return jnp.einsum("ik,nkl,jl->nij", matrix, noise, matrix)


def _warp(images: Any, key: Any, extents: Mapping[str, Any], smoothness: float) -> Any:
    """Apply to each image its affine and elastic map, with bilinear interpolation."""
    n, side, _ = images.shape
    drawn = partial(_uniform, key, extents=extents, n=n)
    angle = jnp.deg2rad(drawn("rotation"))
    size, stretch, shear = 1 + drawn("scale"), 1 + drawn("stretch"), drawn("shear")
    middle = (side - 1) / 2
    x = jnp.arange(side)[None, None, :] - middle
    y = jnp.arange(side)[None, :, None] - middle
    x_turned = (jnp.cos(angle) * x + jnp.sin(angle) * y) / size
    y_turned = (jnp.cos(angle) * y - jnp.sin(angle) * x) / size
    source_x = (x_turned + shear * y_turned) / stretch + drawn("shift across") + middle
    source_y = y_turned + drawn("shift down") + middle
    if "elastic" in extents:
        amount = jnp.abs(drawn("elastic"))
        across, down = jax.random.split(_key_of(key, "displacement"))
        source_x += amount * _displacement(across, images.shape, smoothness)
        source_y += amount * _displacement(down, images.shape, smoothness)
    pitch = side + 2 * _MARGIN
    padded = jnp.pad(images, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))).reshape(n, -1)
    source_x = jnp.clip(source_x, -1, side) + _MARGIN
    source_y = jnp.clip(source_y, -1, side) + _MARGIN
    left, top = jnp.floor(source_x), jnp.floor(source_y)
    right_share, low_share = source_x - left, source_y - top
    first = (top * pitch + left).astype("int32").reshape(n, -1)

    def at(offset: int) -> Any:
        return jnp.take_along_axis(padded, first + offset, axis=1).reshape(images.shape)

    above = at(0) * (1 - right_share) + at(1) * right_share
    below = at(pitch) * (1 - right_share) + at(pitch + 1) * right_share
    return above * (1 - low_share) + below * low_share


def _change_pen(images: Any, key: Any, extents: Mapping[str, Any]) -> Any:
    """Make strokes thicker or thinner, softer or crisper, and grainy."""
    drawn = partial(_uniform, key, extents=extents, n=len(images))
    pen = images
    if "stroke" in extents:
        stroke = drawn("stroke")
        thick, thin = jnp.maximum(stroke, 0), jnp.maximum(-stroke, 0)
        dilated = jnp.stack(_neighbours(images, 0)).max(0)
        # As OpenCV erodes: beside the image lies nothing, above and below it background.
        eroded = jnp.stack(_neighbours(images, 1)).min(0)
        pen = (1 - thick - thin) * images + thick * dilated + thin * eroded
    if "blur" in extents:
        beside = jnp.exp(-0.5)
        across, down = (
            jnp.zeros((3, 3)).at[place].set(jnp.array([beside, 1, beside]) / (1 + 2 * beside))
            for place in (1, (slice(None), 1))
        )
        soft = pen[..., None]
        for kernel in (across, down):
            soft = jax.lax.conv_general_dilated(
                soft,
                kernel[..., None, None],
                (1, 1),
                "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
        blur = jnp.abs(drawn("blur"))
        pen = (1 - blur) * pen + blur * soft[..., 0]
    if "contrast" in extents:
        pen = jnp.clip((pen - 0.5) * (1 + jnp.abs(drawn("contrast"))) + 0.5, 0, 1)
    if "noise" in extents:
        grain = jax.random.normal(_key_of(key, "grain"), pen.shape)
        pen = pen + jnp.abs(drawn("noise")) * grain
    return jnp.clip(pen, 0, 1)


def _neighbours(images: Any, beside: float) -> list[Any]:
    """Return images as they are and moved by a pixel each way, with what lies beside them."""
    tall = jnp.pad(images, ((0, 0), (1, 1), (0, 0)))
    wide = jnp.pad(images, ((0, 0), (0, 0), (1, 1)), constant_values=beside)
    return [images, tall[:, :-2], tall[:, 2:], wide[:, :, :-2], wide[:, :, 2:]]
