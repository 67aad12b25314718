"""What stands around every comparison: both sides agree, times in turn, memory, the machine, a bound."""
