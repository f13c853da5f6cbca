"""The guards of the test run itself: each must bite."""

import os
import socket

import pytest
from command import BOT, run


def test_no_test_can_leave_this_machine():
    with socket.socket() as connection, pytest.raises(Exception, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))


def test_no_key_of_the_developer_is_in_reach():
    assert not [name for name in os.environ if name.startswith("TWITTER_")]


def test_a_test_that_names_no_home_gets_none():
    assert run(BOT, "status").returncode == 1
