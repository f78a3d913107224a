"""Learn to read handwritten digits from MNIST, and be judged on images never seen.

python mnist_images_classification.py --help
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_classifier.learn.runs.settings import Settings
    from mnist_classifier.learn.screen import Screen


def learn_digits(settings: Settings, screen: Screen, show: bool) -> bool:
    """Do it all, step by step; return whether Ctrl-C cut the training short."""
    from mnist_classifier.learn import steps

    with steps.begin(settings, screen, show) as session:
        # 60,000 images to train on and 10,000 for the test, 28×28, grey; one of them to see.
        dataset = steps.load(session)
        steps.show_example(session, dataset)

        # Training, validation and test images as 784 numbers from 0 to 1; 3 as 0001000000.
        splits = steps.prepare(session, dataset)
        splits = steps.one_hot_encode(splits)

        # Dense layers with relu, softmax at the end; adam, binary cross-entropy, accuracy.
        recipe = steps.choose_recipe(session, dataset, splits)
        model = steps.build_network(session, recipe)
        steps.compile_network(model, recipe, splits)

        # Until the loss on the validation images falls no more; the best weights stay.
        training = steps.train(session, model, recipe, dataset, splits)

        # Loss and accuracy on the unseen test images, and over the epochs; mere chance.
        scores = steps.evaluate(session, model, splits)
        steps.plot_history(session, dataset, training)
        by_chance = steps.compare_with_random(session, splits)
        steps.report(session, dataset, splits, training, scores, by_chance)

        # What else a scientist asks: each class, mistakes, calibration, corruptions, on one page.
        steps.write_report(session, model, dataset, splits, scores)
    return training.interrupted


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command ``mnist``, of which ``mnist train`` is this program."""
    try:
        from mnist_classifier import cli
    except ModuleNotFoundError as missing:
        print(f'error: {missing}; run  pip install ".[train]"  in this folder', file=sys.stderr)
        sys.exit(2)
    cli.main(learn_digits, arguments)


if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
