"""Promoting a play beside its file: from shadow to a share of the subjects, to all."""

import msgspec

from services.console.apply import refuse_time, tell_plays
from services.console.outbox import keep_for_all
from services.console.parts import Parts
from services.console.promoted import PromotedPlay, promoted_again, read_promoted
from services.console.refusals import Refused
from services.console.store import plays as store
from shared.instants import Instant
from shared.topics import EVENTS


async def promote(parts: Parts, name: str, given: dict[str, str], by: str, at: Instant | None = None) -> bool:
    """Let these (`mode`, `rollout`) count from the next record on, in a version of its own. Whether the log has it already.

    What counts already changes nothing. Raises Refused: there is no such play, or `at` does not fit the log.
    """
    refuse_time(parts, at)
    partitions = await parts.log.partitions(EVENTS)
    async with parts.database.begin() as connection:
        await store.lock_workspace(connection)
        row = await store.one_play(connection, name)
        if row is None or row.archived:
            raise Refused(404, "not_found", f"there is no play {name}" if row is None else f"the play {name} is archived")
        document = msgspec.json.decode(row.document)
        promoted = promoted_again(read_promoted(row.promoted), document, given)
        after = promoted.over(document)
        if after != document:
            stamp = store.stamp_of(parts.clock() if at is None else at, by, None)
            await store.add_version(connection, row.version + 1, PromotedPlay(name, after, row.source), stamp)
            await store.set_promoted(connection, name, promoted.text())
            await keep_for_all(connection, partitions, await tell_plays(connection, stamp), at)
    return await parts.publisher.publish()
