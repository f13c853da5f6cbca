"""What the bot remembers: SQLAlchemy lives here and nowhere else.

`records` are the frozen values that leave this package, `schema` the tables, `database` the connection and the
translation of errors; `tweets`, `slots` and `accounts` hold the queries, each one short transaction.
"""
