"""``python -m mnist_classifier`` is the command ``mnist``."""

from mnist_classifier.cli import main

if __name__ == "__main__":
    main()
