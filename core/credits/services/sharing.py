"""The splits of a book as renewal replays them, and what a split is left with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from core.credits.models import Act, AllocationRule, Book, Split
from core.credits.replay import Replayed, Sharing
from core.credits.services.standing import spots_of, standing_of, write_rules
from core.credits.split_rules import Spot, Standing, is_below


def sharings_of(book: Book) -> list[Sharing]:
    """Return every split of a book that somebody shares in."""
    rules = standing_of(
        AllocationRule.objects.filter(split__book=book).values_list("wallet_id", flat=True)
    )
    splits = Split.objects.select_related("source").in_bulk({r.split for r in rules.values()})
    spots = spots_of(book, rules)
    sharing: dict[UUID, dict[UUID, Standing]] = {pk: {} for pk in splits}
    for wallet, rule in rules.items():
        assert rule.split is not None
        if is_below(wallet, splits[rule.split].source_id, spots=spots):
            sharing[rule.split][wallet] = rule
    return [
        Sharing(
            pk,
            split.source_id,
            split.source.depth,
            split.in_force,
            sharing[pk],
            {wallet: _path(wallet, split.source_id, spots) for wallet in sharing[pk]},
        )
        for pk, split in splits.items()
    ]


def keep_rules(
    *, act: Act, splits: Sequence[Sharing], replayed: Replayed, others: Collection[UUID]
) -> None:
    """Let the rules say what each share is in the new cycle, and what who was given too little of.

    `others` are the wallets whose rules are in no split.
    """
    before: dict[UUID, Standing | None] = {}
    after: dict[UUID, Standing | None] = {}
    for split in splits:
        for wallet, rule in split.rules.items():
            share = replayed.shares[wallet]
            amount = rule.amount if rule.is_override else share
            short = amount - replayed.got.get(wallet, 0)
            before[wallet] = rule
            after[wallet] = replace(rule, amount=amount, share=share, short=short)
    for wallet, rule in standing_of(others).items():
        before[wallet] = rule
        after[wallet] = replace(rule, short=rule.amount - replayed.got.get(wallet, 0))
    write_rules(act=act, before=before, after=after)


def take_along(split: Split, before: Mapping[UUID, Standing | None]) -> None:
    """Let wallets that leave their splits for this one take their shares along.

    Else those who stay would share them from the next cycle on. Shares count as the total gives
    them, also where a renewal ran short. Part of the caller's act, which holds the splits and has
    not written the new rules yet.
    """
    leaving = {wallet: rule.split for wallet, rule in before.items() if rule and rule.split}
    for old in Split.objects.in_bulk(set(leaving.values())).values():
        rules = standing_of(old.rules.values_list("wallet_id", flat=True))
        sharing = Sharing(old.pk, old.source_id, 0, old.in_force, rules, {})
        shares = sharing.shares(old.in_force)
        gone = sum(share for wallet, share in shares.items() if wallet in leaving)
        if gone:
            old.taken[str(split.pk)] = gone
            old.save(update_fields=["taken"])


def give_to_old_splits(act: Act) -> None:
    """Undo what the split of an act has let its wallets take along."""
    for made in Split.objects.filter(act=act):
        for old in Split.objects.filter(taken__has_key=str(made.pk)):
            del old.taken[str(made.pk)]
            old.save(update_fields=["taken"])


def _path(wallet: UUID, source: UUID, spots: Mapping[UUID, Spot]) -> list[UUID]:
    """Return the wallets from below the source down to this one."""
    line = [wallet]
    while (parent := spots[line[-1]].parent) != source:
        assert parent is not None, "The source stands above."
        line.append(parent)
    return line[::-1]
