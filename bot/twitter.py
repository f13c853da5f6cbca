"""The only door to X: tweepy's `create_tweet`, made safe for a program that nobody watches.

Deliberately not used of tweepy: `wait_on_rate_limit` (it sleeps, and without a reset header it loops), automatic
redirects (they would turn a POST into a GET and a 200 into a false success), proxies and netrc of the environment
(netrc replaces the keys).
"""

import logging
from collections.abc import Mapping
from typing import Any

import requests
import tweepy
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from bot.poster import Answer
from config.secrets import Secrets

logger = logging.getLogger(__name__)
API = "https://api.twitter.com"  # tweepy's own constant; it cannot be set there


class _TimeoutAdapter(HTTPAdapter):
    """Gives every request a timeout: tweepy's client has none and would wait for ever."""

    def __init__(self, connect_seconds: float, read_seconds: float) -> None:
        super().__init__()
        self._timeout = (connect_seconds, read_seconds)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        return super().send(request, stream, timeout or self._timeout, verify, cert, proxies)


class TwitterPoster:
    """Posts with OAuth 1.0a user keys, which do not expire.

    Args:
        adapter: the transport; by default one with the given timeouts.
    """

    def __init__(
        self,
        secrets: Secrets,
        connect_seconds: float,
        read_seconds: float,
        adapter: HTTPAdapter | None = None,
    ) -> None:
        self._client = tweepy.Client(
            consumer_key=secrets.consumer_key,
            consumer_secret=secrets.consumer_secret,
            access_token=secrets.access_token,
            access_token_secret=secrets.access_token_secret,
            return_type=requests.Response,
            wait_on_rate_limit=False,
        )
        session = self._client.session
        session.mount("https://", adapter or _TimeoutAdapter(connect_seconds, read_seconds))
        session.trust_env = False
        session.max_redirects = 0

    def post(self, text: str) -> Answer:
        """Send one tweet, once.

        Source: which errors prove that nothing was sent was measured with requests 2.34 and urllib3 2.8: a refused
        connection, a name that does not resolve, a connect timeout. All others leave it open.
        """
        try:
            response = self._client.create_tweet(text=text, user_auth=True)
        except tweepy.HTTPException as exc:
            return _answer(exc.response)
        except requests.ConnectTimeout as exc:
            return Answer(sent=False, error=_kind(exc))
        except requests.ConnectionError as exc:
            return Answer(sent=not _never_connected(exc), error=_kind(exc))
        except (requests.RequestException, tweepy.TweepyException, ValueError, AttributeError) as exc:
            # AttributeError, ValueError: tweepy 4.17 on bodies that are lists or on headers that are no numbers
            return Answer(error=_kind(exc))
        return _answer(response)


def _answer(response: Any) -> Answer:
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=response.text,
    )


def _never_connected(exc: requests.ConnectionError) -> bool:
    cause = exc.args[0] if exc.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError | NameResolutionError)


def _kind(exc: Exception) -> str:
    # the class alone: a message can hold the signed request
    return type(exc).__name__
