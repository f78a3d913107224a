"""Trainings on Ray: the seeds of a series, and sweeps of a recipe's settings."""
