"""The synthetic territory of the demo: one truth from which every product derives."""
