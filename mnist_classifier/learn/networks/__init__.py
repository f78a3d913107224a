"""Networks: architectures, our own layers and losses, and what can be said of any network."""
