"""Archives: pictures by the million, on one machine or on a cluster."""
