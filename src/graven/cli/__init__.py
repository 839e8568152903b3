"""The command line: one file per verb, each a thin skin over the function of the same name in `graven`."""
