"""The programs that are measured, ours among them: one file each."""
