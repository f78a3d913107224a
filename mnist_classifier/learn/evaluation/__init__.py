"""Evaluation: the numbers of a trained network, figures and the report."""
