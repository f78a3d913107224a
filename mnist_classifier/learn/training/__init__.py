"""Training: the loop over epochs, its stages, batches and checkpoints."""
