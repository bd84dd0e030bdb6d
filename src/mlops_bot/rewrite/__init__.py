"""What recipes share: reading a program's structure (ast) and changing its text without touching the rest (LibCST).

program.py   the tree with parents, functions, who calls whom, where the program starts
displays.py  what the program shows, as labels and expressions
purity.py    may an expression be written a second time?
steps.py     which loop counter tells one value of a metric from the next
naming.py    labels -> metric names
params.py    hyperparameters that can be named at some place
runs.py      the stretch of statements that one tracked run spans
imports.py   where an import belongs
edits.py     insert before / after, wrap in a `with`; everything else stays byte for byte
"""
