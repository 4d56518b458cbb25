"""PostgreSQL: the tables, their migrations, and the only way to a transaction."""
