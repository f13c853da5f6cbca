"""The real daemon, live, with one part exchanged: its transport leads to a port of this machine.

usage: daemon_under_test.py HOME PORT [POSTS]

A slot comes every second, so that a test need not wait for the minute of a cron line.
"""

import signal
import sys
from pathlib import Path

from x_server import LoopbackAdapter

from bot.commands.shared import now, opened
from bot.daemon import Daemon, RunOptions, hold_lock
from bot.schedule import Every
from bot.screen import TerminalScreen
from bot.twitter import TwitterPoster
from config.home import Home
from config.secrets import Secrets


def main() -> None:
    home, port = Home(Path(sys.argv[1])), int(sys.argv[2])
    posts = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    poster = TwitterPoster(Secrets("key", "key-secret", "42-token", "token-secret"), 2, 2, LoopbackAdapter(port))
    with hold_lock(home), opened(home) as bot:
        daemon = Daemon(
            home,
            bot.settings,
            bot.database,
            bot.account,
            poster,
            Every(1),
            RunOptions(dry_run=False, posts=posts),
            TerminalScreen(bot.settings.schedule.zone),
            now,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: daemon.stop())
        daemon.run()


if __name__ == "__main__":
    main()
