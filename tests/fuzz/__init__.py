"""Searches for inputs that are answered wrongly or refused without a clear word: `make fuzz` runs them at length."""
