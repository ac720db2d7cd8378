"""Real mail programs as senders against our limited server: what became of every recipient.

`cells` says what is tried, `trial` runs one cell and files its recipients into the ledger, `dsn` reads the
notifications that come back, `judgement` says what all that means, `likeness` whether the simulator says the same,
`matrix` goes through the cells, `journal` keeps the rows, `table` shows them, `verdicts` compares and exports them.
`sender` is what a program has to offer; `postfix`, `exim`, `sendmail`, `opensmtpd`, `libraries` and `custom_sender` do.
"""
