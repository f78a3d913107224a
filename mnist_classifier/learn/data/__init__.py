"""Images: where they come from, how they are split, deformed and drawn."""
