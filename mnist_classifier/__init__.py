"""Learn handwritten digits from MNIST, judge the result, and read digits anywhere."""

__version__ = "0.1.0"
