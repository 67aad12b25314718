"""Searches for inputs that are answered wrongly or refused without a clear message: `make fuzz` runs them at length."""
