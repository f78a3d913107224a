"""``python -m mnist_classifier``: the command ``mnist``."""

from mnist_images_classification import main

if __name__ == "__main__":
    main()
