"""Tests of the tests: the code is changed by typical mistakes, one at a time; a test must fail for each."""
