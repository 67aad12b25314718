"""Tables 1 to 3 of Hinthorn 2017, for HI-T1 to HI-T3: `tables` makes the experiment of each, with its `pictures`."""
