"""Read digits: pictures in, digits and probabilities out; no TensorFlow."""
