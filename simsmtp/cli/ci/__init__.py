"""Commands and options for CI: a baseline, documents of a comparison, checked files, a history over commits."""
