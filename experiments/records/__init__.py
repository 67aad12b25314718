"""What is on record in `results/`: taking a run (`taking`), tables of it (`tables`), one page of it (`gallery`)."""
