"""Masks on other images and on other networks than those that they were made for, for LD-13 and LD-14."""
