"""What every room may use: judged arguments, read-only arrays, progress bars, tables of text."""
