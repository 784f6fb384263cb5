"""The language of pages: which one a user reads, texts in it, and how it writes numbers and times."""
