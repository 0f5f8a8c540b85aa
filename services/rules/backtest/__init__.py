"""Plays on files of history: the same engine and the same rules as live, without a server.

backtest(question, listener)    the whole, from files to figures: backtest.py
read_accounts(csv)            accounts.py: traits, when an account starts and ends, what befell it
read_history(files)           tables.py, history.py: Parquet and JSON Lines, by account and time
replay(engine, history, ...)  replay.py: one account after the other through the engine
tally(past, ...)              weeks.py: what an account's runs and weeks count
summarize(tallies, ...)       summary.py: figures and their intervals
run_line(run, steps)          lines.py: a run as other programs read it
"""
