"""Writes candidates: drafts from the network, judged by the rules, with all that is needed to write them again."""

from collections.abc import Sequence
from dataclasses import asdict

from bot.filters import Rule, build_rules, reject, weighted_length
from bot.store.records import Candidate
from config.settings import Settings
from model.checkpoint import Checkpoint
from model.sampler import Draft, Sampling, write_tweets


class Writer:
    """One checkpoint at work.

    Raises:
        ModelError: the checkpoint's files are damaged.
    """

    def __init__(self, checkpoint: Checkpoint, settings: Settings) -> None:
        self.checkpoint = checkpoint
        self.fingerprints = checkpoint.fingerprints()
        self.rules: dict[str, Rule] = build_rules(settings.filters, self.fingerprints)
        self._network = checkpoint.network()
        self._settings = settings.sampler
        self._sampling = Sampling(settings.sampler.top_n, settings.sampler.temperature)

    def candidates(self, random_seed: int, numbers: Sequence[int], prefix: str = "") -> list[Candidate]:
        """Judged drafts, kept and rejected ones, in the order of their numbers.

        Not in the order in which they end: short ones end first, and would be posted first.
        """
        drafts = write_tweets(
            self._network,
            self.checkpoint.vocabulary,
            numbers,
            self._sampling,
            random_seed,
            prefix=prefix,
            batch=self._settings.batch,
            max_length=self._settings.max_length,
        )
        in_order = sorted(drafts, key=lambda draft: draft.number)
        return [self._judged(draft, random_seed, prefix) for draft in in_order]

    def _judged(self, draft: Draft, random_seed: int, prefix: str) -> Candidate:
        text = draft.text.strip()
        rule, reason = "", ""
        if not draft.finished:
            rule, reason = "unfinished", f"no end after {self._settings.max_length} characters"
        elif rejection := reject(text, self.rules):
            rule, reason = rejection.rule, rejection.reason
        sampling = asdict(self._sampling) | {
            "random_seed": random_seed,
            "number": draft.number,
            "prefix": prefix,
            "max_length": self._settings.max_length,
        }
        return Candidate(
            text=text,
            weighted_length=weighted_length(text),
            rule=rule,
            reason=reason,
            checkpoint_sha256=self.checkpoint.sha256,
            sampling=sampling,
        )
