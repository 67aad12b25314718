"""Who checks the checks? Break the code in every way a tired hand would; something must turn red."""
