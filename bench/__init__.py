"""Our figures and the peers', side by side: answers compared first, then timed in the same run."""
