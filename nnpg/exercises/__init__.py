"""Exercises: a student writes one function, and nnpg says whether it is right, or which mistake it holds.

Where to read: `exercise` (what an exercise is), `tasks/` (the exercises), `judging` (how an answer is judged),
`student` (how the code is run, and its errors), `working` (start, check, hint), `records` (attempts and time).
"""

from nnpg.exercises.catalogue import EXERCISES
from nnpg.exercises.working import Verdict, check, exercise_rows, exercise_table, hint, start

__all__ = ["EXERCISES", "Verdict", "check", "exercise_rows", "exercise_table", "hint", "start"]
