"""The built-in data set: faces that are drawn from numbers.

Where to read: `identities` (the set), `people` (who is drawn, under which condition), `portrait` (one picture),
`layout` (where its parts lie), `parts` (how each part is painted), `brushes` (soft shapes and one lamp).
"""
