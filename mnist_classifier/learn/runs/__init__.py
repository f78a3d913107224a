"""Runs: the folder that a training leaves, its settings, series of seeds, trackers."""
