"""
The verbs of the command line: one file each, with its options, named as the verb is.

Each file holds one ``verb``, which the table in ``app.py`` lists. Only what a verb's own help
needs is imported here: the work, and numpy, redis and asv with it, is imported when it runs.
"""
