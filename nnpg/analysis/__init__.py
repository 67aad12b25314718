"""What many numbers say: statistics, profiles, directions, spectra."""
