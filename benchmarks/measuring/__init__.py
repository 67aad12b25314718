"""What every comparison needs: agreement of both sides, alternating times, memory, the machine, a bound."""
