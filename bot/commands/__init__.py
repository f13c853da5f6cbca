"""One module a group of commands. Each command parses, calls, prints; heavy imports happen inside it."""
