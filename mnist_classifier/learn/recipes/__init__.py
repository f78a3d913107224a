"""Recipes: an architecture and how it is trained, behind one interface."""
