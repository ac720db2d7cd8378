"""The model's times held against measured sessions: what is fitted at small latency, and how far it then errs.

`measured` reads sessions, `settings` turns what was set into a scenario, `fit` finds the parameters, `predict`
compares. The figure is in `simsmtp.figures.pairs_figure`.
"""
