"""Learn to read handwritten digits from MNIST, and be judged on images never seen.

python mnist_images_classification.py --help
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from mnist_classifier.learn.settings import Settings
    from mnist_classifier.learn.telling import Telling


def learn_digits(settings: Settings, console: Console, telling: Telling, show: bool) -> bool:
    """Do it all, step by step; return whether Ctrl-C cut the training short."""
    from mnist_classifier.learn import steps

    with steps.begin(settings, console, telling, show) as lesson:
        # 60,000 images to train on and 10,000 for the test, 28×28, grey; one of them to see.
        dataset = steps.load(lesson)
        steps.show_example(lesson, dataset)

        # Training, validation and test images as 784 numbers from 0 to 1; 3 as 0001000000.
        splits = steps.prepare(lesson, dataset)
        targets = steps.one_hot_encode(splits)

        # Dense layers with relu, softmax at the end; adam, binary cross-entropy, accuracy.
        recipe = steps.choose_recipe(lesson, splits)
        model = steps.build_network(lesson, recipe)
        steps.compile_network(model, recipe, splits)

        # Until the loss on the validation images falls no more; the best weights stay.
        training = steps.train(lesson, model, recipe, dataset, splits, targets)

        # Loss and accuracy on the unseen test images, and over the epochs; mere chance.
        scores = steps.evaluate(model, splits)
        steps.plot_history(lesson, dataset, training)
        by_chance = steps.compare_with_random(lesson, splits)
        steps.report(lesson, dataset, splits, training, scores, by_chance)

        # What else a scientist asks, class by class, mistakes, calibration, damage, on one page.
        steps.write_report(lesson, model, dataset, splits)
    return training.interrupted


if __name__ == "__main__":
    try:
        from mnist_classifier import cli
    except ModuleNotFoundError as missing:
        print(f'error: {missing}; run  pip install ".[train]"  in this folder', file=sys.stderr)
        sys.exit(2)
    cli.main(["train", *sys.argv[1:]])
