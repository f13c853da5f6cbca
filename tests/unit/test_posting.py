"""What every answer of X means for the tweet and for the account."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.poster import Answer
from bot.posting import Verdict, judge
from bot.store.records import TweetState

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
MINUTE = NOW + timedelta(seconds=60)
ANSWERS = json.loads((Path(__file__).parents[1] / "data" / "x-api" / "answers.json").read_text("utf-8"))
PROBLEMS = "https://api.twitter.com/2/problems/"

# case of answers.json: (state, the account is paused)
OUTCOMES = {
    "created": (TweetState.POSTED, False),
    "created, with edit history": (TweetState.POSTED, False),
    "duplicate": (TweetState.REFUSED, False),
    "user suspended": (TweetState.APPROVED, True),
    "app read-only (oauth1 permissions)": (TweetState.APPROVED, True),
    "app-only bearer used": (TweetState.APPROVED, True),
    "app not in a project": (TweetState.APPROVED, True),
    "reply not summoned": (TweetState.REFUSED, False),
    "generic not permitted": (TweetState.REFUSED, False),
    "over length": (TweetState.REFUSED, False),
    "unauthorized": (TweetState.APPROVED, True),
    "credits depleted": (TweetState.APPROVED, True),
    "rate limited (v2)": (TweetState.APPROVED, False),
    "rate limited (as printed in docs)": (TweetState.APPROVED, False),
    "24 h user cap": (TweetState.APPROVED, False),
    "usage cap": (TweetState.APPROVED, True),
    "over capacity": (TweetState.UNKNOWN, False),
    "over capacity (v1.1 shape)": (TweetState.UNKNOWN, False),
    "account locked (v1.1 shape)": (TweetState.APPROVED, True),
    "Cloudflare HTML": (TweetState.UNKNOWN, False),
}


def recorded(case: dict) -> Answer:
    body = case["body_text"] if "body_text" in case else json.dumps(case["body"])
    return Answer(status=case["status"], headers=case.get("headers", {}), body=body)


def answer(status: int, body: object = "", **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=text)


def forbidden(detail: str, problem: str = "about:blank") -> Answer:
    return answer(403, {"title": "Forbidden", "detail": detail, "type": problem, "status": 403})


def seconds_from_now(seconds: float) -> str:
    return str(int(NOW.timestamp() + seconds))


# --- the recorded answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["case"])
def test_recorded_answer_means_what_the_table_says(case):
    verdict = judge(recorded(case), NOW)

    assert (verdict.state, verdict.pause is not None) == OUTCOMES[case["case"]]
    assert (verdict.remote_id is not None) is (verdict.state is TweetState.POSTED)
    assert verdict.detail or verdict.state is TweetState.POSTED


def test_table_holds_every_recorded_answer():
    assert {case["case"] for case in ANSWERS} == OUTCOMES.keys()


@pytest.mark.parametrize(
    "case",
    [case for case in ANSWERS if case["status"] >= 400 and "detail" in case.get("body", {})],
    ids=lambda c: c["case"],
)
def test_what_x_said_is_told_to_the_owner(case):
    verdict = judge(recorded(case), NOW)

    if verdict.state is not TweetState.UNKNOWN:
        assert case["body"]["detail"] in verdict.detail


def test_id_in_the_body_wins_over_the_one_in_the_location():
    verdict = judge(recorded(ANSWERS[0]), NOW)

    assert verdict == Verdict(TweetState.POSTED, remote_id="1445880548472328192")


# --- created ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "location"),
    [
        (201, {"data": {"id": "17", "text": "hello"}}, ""),
        (200, {"data": {"id": "17"}}, ""),
        (201, {"data": {"id": 17}}, ""),
        (201, "", "https://api.twitter.com/2/tweets/17"),
        (201, "", "https://api.x.com/2/tweets/17/"),
        (201, "<html>", "/2/tweets/17"),
        (201, "[]", "https://api.twitter.com/2/tweets/17"),
        (201, '{"data": {"id": "1', "https://api.twitter.com/2/tweets/17"),
        (201, {"errors": [{"message": "?"}]}, "https://api.twitter.com/2/tweets/17"),
        (201, {"data": {"id": None}}, "https://api.twitter.com/2/tweets/17"),
    ],
)
def test_success_with_an_id_in_body_or_location_is_posted(status, body, location):
    verdict = judge(answer(status, body, location=location), NOW)

    assert verdict == Verdict(TweetState.POSTED, remote_id="17")


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize(
    "body",
    [
        *("", "<!DOCTYPE html>", "[]", '["17"]', "17", "null", "{}", '{"data": null}', '{"data": []}'),
        *('{"data": {"id": ""}}', '{"data": {"id": "seventeen"}}', '{"data": {"id": true}}', '{"errors": [{}]}'),
        pytest.param("[" * 4096, id="4096 brackets"),
    ],
)
def test_success_without_an_id_is_unknown_and_never_sent_again(status, body):
    verdict = judge(answer(status, body), NOW)

    assert verdict.state is TweetState.UNKNOWN
    assert verdict.remote_id is None
    assert "it may stand on X or not" in verdict.detail


@pytest.mark.parametrize("location", ["https://api.twitter.com/2/tweets", "https://x.com/login", "/", "tweets/17?x=1"])
def test_location_that_names_no_tweet_gives_no_id(location):
    assert judge(answer(201, "", location=location), NOW).state is TweetState.UNKNOWN


# --- unclear ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [100, 101, 300, 301, 302, 304, 307, 308, 500, 502, 503, 504, 520, 522, 599])
@pytest.mark.parametrize("body", ["", "<html>", json.dumps({"data": {"id": "17"}})])
def test_redirect_and_server_error_are_unknown_whatever_they_say(status, body):
    verdict = judge(answer(status, body, location="https://api.twitter.com/2/tweets/17"), NOW)

    assert verdict.state is TweetState.UNKNOWN
    assert str(status) in verdict.detail


def test_lost_answer_is_unknown():
    verdict = judge(Answer(sent=True, status=None, error="ReadTimeout"), NOW)

    assert verdict.state is TweetState.UNKNOWN
    assert "ReadTimeout" in verdict.detail


def test_tweet_that_never_left_is_tried_again_later():
    verdict = judge(Answer(sent=False, error="ConnectTimeout"), NOW)

    assert verdict.state is TweetState.APPROVED
    assert verdict.pause is None
    assert verdict.not_before == NOW + timedelta(minutes=5)


def test_dry_run_is_its_own_end():
    assert judge(Answer(sent=False, dry_run=True), NOW) == Verdict(TweetState.DRY_POSTED)


# --- the account ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (answer(401, {"title": "Unauthorized", "detail": "Unauthorized"}), "make new ones"),
        (answer(401, "<html>"), "make new ones"),
        (answer(402, {"title": "CreditsDepleted", "type": f"{PROBLEMS}credits"}), "add credits"),
        (answer(402, ""), "add credits"),
        (forbidden("no", f"{PROBLEMS}oauth1-permissions"), "set it to read and write"),
        (forbidden("no", "https://api.x.com/2/problems/oauth1-permissions"), "set it to read and write"),
        (forbidden("no", f"{PROBLEMS}unsupported-authentication"), "use the OAuth 1.0a user keys"),
        (forbidden("no", f"{PROBLEMS}client-forbidden"), "attach it to a project"),
        (forbidden("no", f"{PROBLEMS}user-suspended"), "suspended"),
        (answer(403, {"errors": [{"code": 326, "message": "locked"}]}), "log in at X to unlock it"),
        (answer(403, {"errors": ["?", {"code": 99}, {"code": 326}]}), "log in at X to unlock it"),
        (answer(429, {"title": "UsageCapExceeded", "type": f"{PROBLEMS}usage-capped"}), "raise it or wait"),
    ],
)
def test_trouble_with_the_account_pauses_it_and_keeps_the_tweet(refusal, advice):
    verdict = judge(refusal, NOW)

    assert verdict.state is TweetState.APPROVED
    assert verdict.pause == verdict.detail
    assert advice in verdict.pause
    assert '"bot resume"' in verdict.pause


# --- the tweet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        forbidden("You are not allowed to create a Tweet with duplicate content."),
        forbidden("You are not permitted to perform this action."),
        forbidden("no", f"{PROBLEMS}something-new"),
        answer(403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}),
        answer(403, {"errors": "none"}),
        answer(403, {"errors": []}),
        answer(403, "<html>"),
        answer(403, ""),
        answer(400, {"errors": [{"message": "Your Tweet text is too long."}], "title": "Invalid Request"}),
        answer(400, ""),
        answer(404, {"title": "Not Found"}),
        answer(422, "[]"),
    ],
)
def test_refused_tweet_is_refused_and_the_account_goes_on(refusal):
    verdict = judge(refusal, NOW)

    assert verdict.state is TweetState.REFUSED
    assert verdict.pause is None
    assert verdict.not_before is None
    assert verdict.detail.startswith("X refused it: ")


def test_long_message_of_x_is_shortened():
    assert len(judge(answer(400, {"detail": "x" * 5000}), NOW).detail) < 400


# --- rate limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "not_before"),
    [
        ({}, MINUTE),
        ({"x_rate_limit_reset": seconds_from_now(900)}, NOW + timedelta(minutes=15)),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": seconds_from_now(900)}, NOW + timedelta(minutes=15)),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": seconds_from_now(-900)}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": seconds_from_now(30)}, MINUTE),
        ({"x_rate_limit_remaining": "0"}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "soon"}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": ""}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "-1"}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "1.7e9"}, MINUTE),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "²"}, MINUTE),
        ({"x_rate_limit_remaining": "40", "x_rate_limit_reset": seconds_from_now(900)}, MINUTE),
        (
            {
                "x_rate_limit_remaining": "0",
                "x_rate_limit_reset": seconds_from_now(900),
                "x_user_limit_24hour_remaining": "0",
                "x_user_limit_24hour_reset": seconds_from_now(7200),
                "x_app_limit_24hour_remaining": "5",
                "x_app_limit_24hour_reset": seconds_from_now(9000),
            },
            NOW + timedelta(hours=2),
        ),
        (
            {"x_app_limit_24hour_remaining": "0", "x_app_limit_24hour_reset": seconds_from_now(3600)},
            NOW + timedelta(hours=1),
        ),
    ],
)
def test_rate_limit_waits_for_the_latest_exhausted_window_and_at_least_a_minute(headers, not_before):
    verdict = judge(answer(429, {"title": "Too Many Requests"}, **headers), NOW)

    assert verdict.state is TweetState.APPROVED
    assert verdict.pause is None
    assert verdict.not_before == not_before


@pytest.mark.parametrize("reset", [seconds_from_now(90_001), "9" * 12, "9" * 20, "9" * 400, "9" * 5000], ids=len)
def test_reset_that_lies_absurdly_far_away_waits_no_longer_than_the_longest_window(reset):
    verdict = judge(answer(429, "", x_rate_limit_remaining="0", x_rate_limit_reset=reset), NOW)

    assert verdict.state is TweetState.APPROVED
    assert MINUTE <= verdict.not_before <= NOW + timedelta(hours=25)


# --- any answer -------------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "errors", "code", "message", "type", "title", "detail", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
HEADER_NAMES = [
    "location",
    *(f"x-{window}-{part}" for window in ("rate-limit", "user-limit-24hour") for part in ("remaining", "reset")),
]
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES),
    st.text(st.characters(max_codepoint=255)) | st.integers().map(str) | st.integers(0, 9).map(str),
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.integers(100, 599), ANY_TEXT | JSON_VALUES.map(json.dumps), HEADERS)
def test_any_answer_has_a_verdict_and_none_lets_the_tweet_be_sent_again_at_once(status, body, headers):
    verdict = judge(Answer(status=status, headers=headers, body=body), NOW)

    if verdict.state is TweetState.APPROVED:
        assert verdict.pause or verdict.not_before >= MINUTE
    if verdict.state is TweetState.POSTED:
        assert 200 <= status < 300
        assert verdict.remote_id
    assert verdict.state in {TweetState.POSTED, TweetState.REFUSED, TweetState.UNKNOWN, TweetState.APPROVED}


def test_only_a_4xx_can_be_a_clear_no():
    for status in range(100, 600):
        verdict = judge(answer(status), NOW)

        if 400 <= status < 500:
            assert verdict.state in {TweetState.REFUSED, TweetState.APPROVED}
        else:
            assert verdict.state is TweetState.UNKNOWN
