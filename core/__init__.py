"""What every side of the platform agrees on."""
