"""The one engine: events and the passing of time against the plays, for one account at a time.

Live, after a crash, in a test and in a backtest this is the code that decides. It is given all it needs and asks for nothing.

    engine = Engine(applied)                      the plays of an Applied record
    touch = engine.touches(event)                 which subjects must be loaded before the event is taken
    engine.take(account, event, effects)          an event, at event.received_at
    engine.pass_time(account, until, effects)     every deadline of the loaded subjects that is earlier than `until`

An event that creates its account is taken with a new `Account(event.account_id, event.received_at, {})`. Between subjects order
does not matter: each is a function of its own events, its account's traits and time.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Effects
from services.rules.core.faults import Unheard, could_not_hear
from services.rules.core.fields import EventFilter
from services.rules.core.looking import look, pass_deadlines
from services.rules.core.peers.membership import by_key, hear_before
from services.rules.core.peers.totals import Totals
from services.rules.core.routes import ITSELF_ALONE, Route, Touch, hits_of, value_of
from services.rules.core.starts import remember_known, restart
from services.rules.core.state import ITSELF, Account, Document, PlayState, SubjectKey
from services.rules.core.warming import activate, carry_over, fill, names_of, new_metrics, subjects_in
from services.rules.core.watching import bring_goals, watch, watch_on
from shared.instants import Instant
from shared.matchers import moment_of
from shared.records import Applied, Event

_UTC = ZoneInfo("UTC")
ACCOUNT = "account"


class Engine:
    """Compiled plays. It holds no state of any account and may be used for any number of them.

    Raises pydantic.ValidationError when made from a document that is no play.
    """

    def __init__(self, applied: Applied, paused: frozenset[str] = frozenset()) -> None:
        self.applied = applied
        self.paused = paused
        # What peers did on the days that are closed: to be filled by the caller, from the `peers` of all effects.
        self.totals = Totals()
        self.plays = [CompiledPlay(play, self.totals) for play in applied.plays if play.document.get("mode") != "draft"]
        self.peers = by_key(group for play in self.plays for group in play.peers)
        self._named = {play.name: play for play in self.plays}
        self._of_kind: dict[str, list[CompiledPlay]] = {ACCOUNT: []}
        for place, play in enumerate(self.plays):
            play.place, play.paused = place, play.name in paused
            self._of_kind.setdefault(play.kind, []).append(play)
        # By name the route of accounts; it knows those of the other kinds.
        self._routes: dict[str, Route] = {}
        self._heard_since: dict[tuple[str, ...], Instant] = {}
        # The event names of which somebody must know when they last came.
        self.watched = frozenset(name for play in self.plays if play.guard is not None for name in play.guard.names)
        others = [play for play in self.plays if play.kind != ACCOUNT]
        self._traits_of_others = frozenset(trait for play in others for trait in play.account_traits | play.goal_traits)
        self._of_changes = [play for play in self.plays if any(leaf.knows_before for leaf in play.leaves)]
        self._with_goals = [play for play in self.plays if play.goal is not None]

    # ------------------------------------------------------------------ what the shell calls

    def touches(self, event: Event) -> Touch:
        """Which subjects must be loaded (where they exist) before `take`."""
        if len(self._of_kind) == 1:
            return ITSELF_ALONE
        keys = [SubjectKey(kind, value) for kind in self._of_kind if (value := value_of(kind, event)) is not None]
        traits = event.traits
        # The start of an account moves the first verdicts of all its subjects.
        everyone = traits is not None and ("started_at" in traits or not self._traits_of_others.isdisjoint(traits))
        return Touch(tuple(keys), everyone and len(self._of_kind) > 1)

    def take(self, account: Account, event: Event, effects: Effects, at: Instant | None = None) -> None:
        """Take one event at `at` (by default its `received_at`); earlier deadlines of the loaded subjects are taken first.

        Imported history only fills memory: it moves no time and opens nothing.
        """
        now = event.received_at if at is None else at
        if event.traits is not None or event.user_traits is not None:
            self._take_traits(account, event, now, effects)
            return
        route = self._routes.get(event.name) or self._routes_of(event.name)[0]
        # Most events concern few plays: one that nobody wants costs no more than knowing that its account exists.
        if route.wanted or not account.begun:
            document, quiet = account.itself or account.look_itself_up(), route.quiet
            try:
                if (
                    document is None
                    or quiet is None
                    or ((deadline := document.next_deadline) is not None and deadline < now)
                    or event.imported
                    or not quiet(document, event, now)
                ):
                    self._hear(account, ITSELF, document, route, event, now, effects)
                    account.begun = True
                    if route.aims:
                        self._look_at_goals(route.aims, account, ITSELF, event, now, effects)
                else:
                    account.stirred = True
            except Unheard as unheard:
                self._hear(account, ITSELF, document, route, event, now, effects, unheard.heard)
        for other in route.others:
            value = value_of(other.kind, event)
            if value is not None:
                key = SubjectKey(other.kind, value)
                self._hear(account, key, account.subjects.get(key), other, event, now, effects)
                if other.aims:
                    self._look_at_goals(other.aims, account, key, event, now, effects)

    def pass_time(self, account: Account, until: Instant, effects: Effects) -> None:
        """Take all deadlines earlier than `until` of the account's loaded subjects, in order for each subject."""
        for key, document in list(account.subjects.items()):
            if document.next_deadline is not None and document.next_deadline < until:
                self._pass(account, key, document, until, effects)

    def warm_names(self, before: Applied) -> frozenset[str] | None:
        """The event names that new memory needs from history, given the set applied before; None: every name."""
        old = Engine(before)
        if not set(self._of_kind) <= set(old._of_kind):
            return None
        return names_of(new_metrics(self.plays, old.plays).values())

    def warm(self, account: Account, history: Sequence[Event], at: Instant, effects: Effects) -> None:
        """Bring a wholly loaded account that is older than these plays to them, as of `at`, the time of their record.

        `history`: its events of `warm_names` received before the record, in order, their `received_at` set.
        """
        heard = subjects_in(history, self._of_kind)
        for key in heard.keys() - account.subjects.keys():
            last = None if key.kind == ACCOUNT else heard[key][-1].received_at
            account.subjects[key] = Document(start=heard[key][0].received_at, last=last)
        started = self._started(account)
        for key in sorted(account.subjects):
            document = account.subjects[key]
            account.changed.add(key)
            anew = carry_over(account, key, document, self._named, at, effects)
            unfilled = fill(account, document, key.kind, heard.get(key, ()), self._routes_of, hits_of)
            wanted = {metric for play in self._of_kind.get(key.kind, ()) for metric in play.metric_keys}
            document.metrics = {metric: memory for metric, memory in document.metrics.items() if metric in wanted}
            view = View(account, key, document.start, self._listening, None, ())
            for play in anew:
                activate(play, document, view, started, at, effects)
            failed: list[CompiledPlay] = []
            for metric, error in unfilled.items():
                could_not_hear(metric, self._of_kind.get(key.kind, ()), document, view, at, error, effects, failed)
            watch_on(self.plays, document, view, at, effects)
            document.settle()
            if key.kind not in self._of_kind:
                # Nobody looks at it any more; what needs it again finds it in history.
                del account.subjects[key]

    def view(self, account: Account, key: SubjectKey, event: Event | None, now: Instant) -> View:
        """What conditions may see of a loaded subject at `now`, at an event or between events: for whoever explains a verdict."""
        matched: list[int] = []
        for route in self._routes_of(event.name) if event is not None else ():
            if event is not None and route.kind == key.kind:
                hits = hits_of(account, route, event, now)
                matched += [place for interest in route.interests for place, where in interest.impulses if hits[where]]
        return View(account, key, account.subjects[key].start, self._listening, event, matched)

    # ------------------------------------------------------------------ events

    def _routes_of(self, name: str) -> list[Route]:
        """The routes of a name, that of accounts first."""
        first = self._routes.get(name)
        if first is None:
            first, *others = [Route(kind, name, plays) for kind, plays in self._of_kind.items()]
            first.others = others
            self._routes[name] = first
        return [first, *first.others]

    def _hear(
        self,
        account: Account,
        key: SubjectKey,
        document: Document | None,
        route: Route,
        event: Event,
        now: Instant,
        effects: Effects,
        heard: int = 0,
    ) -> list[CompiledPlay]:
        """One subject hears an event: its metrics, then the plays to which it matters; these are returned, and those that failed.

        For the others see to it that time will tell. The hot path: one function, because a call costs more than what it does.
        The first `heard` metrics have heard it already.
        """
        if document is not None and document.next_deadline is not None and document.next_deadline < now:
            self._pass(account, key, document, now, effects)
            document = account.subjects.get(key)
        born = document is None
        if document is None:
            document = self._born(account, key, event, now)
        account.changed.add(key)
        if document.last is not None:
            document.last = now
        hits = route.hits if route.hits is not None else hits_of(account, route, event, now)
        if route.decides:
            self._decide_before(account, key, document, route, event, now, hits, effects)
        judged: list[CompiledPlay] = []
        metrics, first = document.metrics, False
        failed: list[CompiledPlay] = []
        for observer in route.observers[heard:] if heard else route.observers:
            if hits[observer.where]:
                before = metrics.get(observer.key)
                first = first or before is None
                try:
                    metrics[observer.key] = observer.observe(before, event)
                except Exception as error:  # noqa: BLE001 - a fault in one play's metric stops no other play, and not the partition
                    view = View(account, key, document.start, self._listening, event, ())
                    could_not_hear(observer.key, self._of_kind[key.kind], document, view, now, error, effects, failed)
        if event.imported:
            self._recall(account, key, document, route, now, effects, failed)
            return failed
        self._tell(account, key, document, route, event, now, effects, hits, first, judged, failed)
        if born or failed:
            document.settle()  # every play was due at once, or is looked at no more
        return judged + failed if failed else judged

    def _tell(
        self,
        account: Account,
        key: SubjectKey,
        document: Document,
        route: Route,
        event: Event,
        now: Instant,
        effects: Effects,
        hits: Sequence[bool],
        first: bool,
        judged: list[CompiledPlay],
        failed: Sequence[CompiledPlay],
    ) -> None:
        """The plays look at what was heard, where it matters to them. `first`: nothing of the kind was heard before."""
        view: View | None = None
        for interest in route.interests:
            if failed and interest.play in failed:
                continue
            state = document.plays[interest.name]
            if state.first_at is None and interest.only_boundaries:
                interest.wake(document, state, event.occurred_at or now)
            # What was never heard of before may end an unknown; after that an event of such a name only clears.
            elif state.first_at is None and interest.only_clears and not (first or state.known or state.deadline is None):
                continue
            elif interest.matters(state, hits, now):
                judged.append(interest.play)
                if view is None:
                    view = View(account, key, document.start, self._listening, event, ())
                view.matched = [place for place, where in interest.impulses if hits[where]] if interest.impulses else ()
                look(interest.play, document, view, now, now, effects)
                document.settle_for(state)

    def _decide_before(
        self,
        account: Account,
        key: SubjectKey,
        document: Document,
        route: Route,
        event: Event,
        now: Instant,
        hits: Sequence[bool],
        effects: Effects,
    ) -> None:
        """What was to be decided at the last boundary is decided without an event that belongs before it but comes late.

        What the event adds for the account's peers is told before it is added to the account's own memory.
        """
        occurred_at = event.occurred_at or now
        for name, place, leaf in route.bucketed:
            if not leaf.opened < now <= leaf.closes:
                leaf.turn(now)
            if occurred_at < leaf.opened:
                own = document.plays[name].own
                if own is not None and own[place] is not None:
                    view = View(account, key, document.start, self._listening, None, ())
                    own[place] = leaf.decided(document.metrics, own[place], view, now)
        if route.peers:
            hear_before(route.peers, hits, document.metrics, event, now, effects)
        if route.aims:
            bring_goals(route.aims, document, View(account, key, document.start, self._listening, None, ()), now)

    def _take_traits(self, account: Account, event: Event, now: Instant, effects: Effects) -> None:
        """Set traits; every play that reads one of them is judged at this event, for every subject that it concerns."""
        self.pass_time(account, now, effects)
        changed = frozenset(event.traits or ())
        users_changed = frozenset(event.user_traits or ()) if event.user_id is not None else frozenset()
        if self._of_changes:
            remember_known(self._of_changes, account, event, self._listening, now)
        if event.traits:
            account.set_traits(event.traits)
            if "started_at" in changed:
                restart(account, self._of_kind[ACCOUNT], self._listening, self._started(account), now)
        if event.user_traits and event.user_id is not None:
            account.set_user_traits(event.user_id, event.user_traits)
        if self._of_changes:
            remember_known(self._of_changes, account, event, self._listening, now if event.imported else now + 1)
        routes = {route.kind: route for route in self._routes_of(event.name)}
        own = {SubjectKey(kind, value) for kind in routes if (value := value_of(kind, event)) is not None}
        for key in sorted(own | (set(account.subjects) if changed else set())):
            plays = self._of_kind.get(key.kind, [])
            # An impulse of events does not come true by a trait.
            plays = [play for play in plays if play.needs_time]
            concerned = [play for play in plays if play.account_traits & changed]
            if key == ITSELF and "started_at" in changed and key in account.subjects:
                # A new start is a new `heard since`, of which any condition may make something.
                states = account.subjects[key].plays
                concerned += [play for play in plays if play not in concerned and states[play.name].first_at is None]
            if key.kind == "user" and key.value == event.user_id:
                concerned += [play for play in plays if play not in concerned and play.user_traits & users_changed]
            if key in own:
                judged = self._hear(account, key, account.subjects.get(key), routes[key.kind], event, now, effects)
                concerned = [play for play in concerned if play not in judged]
            if concerned and not event.imported:
                self._reconsider(account, key, concerned, event, now, effects)
            if self._with_goals and key in account.subjects:
                self._look_at_goals(self._with_goals, account, key, event, now, effects)

    def _look_at_goals(
        self, plays: Sequence[CompiledPlay], account: Account, key: SubjectKey, event: Event, now: Instant, effects: Effects
    ) -> None:
        document = account.subjects[key]
        watch(plays, document, View(account, key, document.start, self._listening, event, ()), now, now, effects)

    def _reconsider(
        self, account: Account, key: SubjectKey, plays: Sequence[CompiledPlay], event: Event, now: Instant, effects: Effects
    ) -> None:
        """Judge the plays that read what changed."""
        document = account.subjects[key]
        view = View(account, key, document.start, self._listening, event, ())
        account.changed.add(key)
        for play in plays:
            if not document.plays[play.name].waits_for_start(now):
                look(play, document, view, now, now, effects)
        document.settle()

    # ------------------------------------------------------------------ beginnings

    def _born(self, account: Account, key: SubjectKey, event: Event, now: Instant) -> Document:
        """A subject seen for the first time: every play of its kind waits for its first verdict."""
        started = self._started(account)
        start = started if key.kind == ACCOUNT and started is not None else now if key.kind != ACCOUNT else account.first_seen_at
        document = Document(start=start, last=None if key.kind == ACCOUNT else now)
        first_at = now if started is None or started < now else started
        for play in self._of_kind.get(key.kind, []):
            document.plays[play.name] = PlayState(
                identity=play.identity, first_at=first_at, deadline=first_at if play.needs_time else None
            )
        document.settle()
        account.subjects[key] = document
        account.changed.add(key)
        return document

    def begin(self, account: Account, at: Instant) -> None:
        """Make the account's own subject at `at`, without an event: a backtest knows accounts by their `started_at`."""
        if ITSELF not in account.subjects:
            self._born(account, ITSELF, Event(id="", name="", source="", account_id=account.account_id), at)

    def _started(self, account: Account) -> Instant | None:
        return moment_of(account.traits.get("started_at"), _UTC)

    def _listening(self, filter: EventFilter) -> Instant:
        """Since when the names are listened to: the catalogue's word, else the log's first record; of several the latest."""
        found = self._heard_since.get(filter.of)
        if found is None:
            listening, since = self.applied.listening, self.applied.listening_since
            found = self._heard_since[filter.of] = max(listening.get(name, since) for name in filter.of)
        return found

    # ------------------------------------------------------------------ time

    def _pass(self, account: Account, key: SubjectKey, document: Document, until: Instant, effects: Effects) -> None:
        account.changed.add(key)
        view = View(account, key, document.start, self._listening, None, ())
        if not pass_deadlines(self._named, document, view, until, effects):
            del account.subjects[key]

    def _recall(
        self,
        account: Account,
        key: SubjectKey,
        document: Document,
        route: Route,
        now: Instant,
        effects: Effects,
        failed: Sequence[CompiledPlay],
    ) -> None:
        """History was heard: what it makes true was so before, and opens nothing."""
        view = View(account, key, document.start, self._listening, None, ())
        for interest in route.interests:
            state = document.plays[interest.play.name]
            if interest.play.needs_time and not state.waits_for_start(now) and interest.play not in failed:
                look(interest.play, document, view, now, now, effects, barred="ignored")
        document.settle()
