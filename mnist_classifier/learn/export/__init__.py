"""Keras networks → files that need no Keras."""
