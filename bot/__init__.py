"""The application: commands, filters, store, review, schedule, posting, daemon."""
