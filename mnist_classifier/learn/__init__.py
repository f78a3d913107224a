"""Learning digits: from images to a judged network in a run folder."""
