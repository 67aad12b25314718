"""The exercises, each with its statement, its stub, its hints, and what people get wrong."""
