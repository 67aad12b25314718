"""One short script for each table or figure of the papers; `python -m experiments list` names them."""
