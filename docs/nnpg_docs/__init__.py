"""What `make docs` adds to Sphinx: links from an equation to a line of code, mathematics, pages of the sources."""
