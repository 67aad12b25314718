"""The least distortion by a search along the decision boundary, for networks with kinks: see `search`.

search      the descents from many points, and which of them continue
steps       one step of many descents: the definition, and the program of the backend that does it
batches     the search for all pending images
"""
