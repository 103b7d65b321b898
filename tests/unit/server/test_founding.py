"""Cold starts decided without I/O: the same things heard at the same times give the same decisions."""

from webraft_web.core.entry import make_server_id
from webraft_web.server.founding import WAIT, Acquaintances, Decision, Founding, cluster_named_after
from webraft_web.server.greeting import Hello
from webraft_web.storage.base import Identity

PATIENCE_MS = 200


def hello(address, *, incarnation="", may_found=True, is_blank=True, members=None):
    server_id = make_server_id(address, incarnation or f"i{address}")
    return Hello(server_id, is_blank, may_found, False, False, members, True)


class Blank:
    """A blank server at an address, linked with others, at a time."""

    def __init__(self, address, *links, members=None, cluster_id=None, may_found=True):
        self.acquaintances = Acquaintances()
        self.acquaintances.patience_ms = PATIENCE_MS
        for link in links:
            self.acquaintances.joined(link, 0)
        identity = Identity(address, f"i{address}", cluster_id, may_found)
        self.founding = Founding(identity, members, self.acquaintances, 0)

    def hears(self, greeting, *, now_ms=0, cluster_id=None):
        address = greeting.server_id.partition("@")[2]
        self.acquaintances.heard(address, cluster_id, greeting, now_ms)

    def decide(self, now_ms):
        return self.founding.decide(now_ms)


def test_one_that_hears_nobody_founds_alone_after_its_patience():
    """Joined but silent addresses do not hold it up."""
    blank = Blank("b", "a", "c")
    assert blank.decide(PATIENCE_MS - 1) == WAIT
    assert blank.decide(PATIENCE_MS) == Decision(found_with=("ib@b",))


def test_the_smallest_address_offers_once_all_links_are_heard():
    """It need not wait for its patience then."""
    blank = Blank("a", "b", "c")
    blank.hears(hello("b"))
    assert blank.decide(1) == WAIT
    blank.hears(hello("c"))
    assert blank.decide(2) == Decision(offer_to=("ib@b", "ic@c"))


def test_with_some_links_silent_it_offers_after_its_patience():
    """To those that it hears."""
    blank = Blank("a", "b", "c")
    blank.hears(hello("c"))
    assert blank.decide(PATIENCE_MS) == Decision(offer_to=("ic@c",))


def test_the_first_configuration_names_those_that_accepted():
    """All of them at once; or, after another patience, those that did."""
    blank = Blank("a", "b", "c")
    for address in "bc":
        blank.hears(hello(address))
    blank.decide(1)
    blank.founding.accepted("ib@b")
    assert blank.decide(2) == WAIT
    assert blank.decide(101) == Decision(offer_to=("ic@c",))
    assert blank.decide(1 + PATIENCE_MS) == Decision(found_with=("ia@a", "ib@b"))
    blank.founding.accepted("ic@c")
    assert blank.decide(1 + PATIENCE_MS) == Decision(found_with=("ia@a", "ib@b", "ic@c"))


def test_nobody_is_named_who_was_not_offered_or_is_another_by_now():
    """An acceptance is a server's, not an address's."""
    blank = Blank("a", "b", "c")
    for address in "bc":
        blank.hears(hello(address))
    blank.decide(1)
    for acceptor in ("ib@b", "ic@c", "iz@z"):
        blank.founding.accepted(acceptor)
    blank.hears(hello("c", incarnation="new"), now_ms=2)
    assert blank.decide(3) == Decision(found_with=("ia@a", "ib@b"))


def test_a_larger_address_waits_and_accepts_the_smaller_ones_founding():
    """And not the other way round."""
    small, large = Blank("a", "b"), Blank("b", "a")
    large.hears(hello("a"))
    small.hears(hello("b"))
    assert large.decide(10 * PATIENCE_MS) == WAIT
    assert large.founding.accepts("ia@a", 1)
    assert not small.founding.accepts("ib@b", 1)


def test_a_larger_founder_gives_way_while_nobody_accepted():
    """A smaller address that turns up in time leads; after the first acceptance it is too late."""
    blank = Blank("b", "a", "c")
    blank.hears(hello("c"))
    assert blank.decide(PATIENCE_MS).offer_to == ("ic@c",)
    blank.hears(hello("a"), now_ms=PATIENCE_MS)
    assert blank.decide(PATIENCE_MS + 1) == WAIT
    assert blank.founding.accepts("ia@a", PATIENCE_MS + 1)

    blank = Blank("b", "a", "c")
    blank.hears(hello("c"))
    blank.decide(PATIENCE_MS)
    blank.founding.accepted("ic@c")
    blank.hears(hello("a"), now_ms=PATIENCE_MS)
    assert not blank.founding.accepts("ia@a", PATIENCE_MS + 1)
    assert blank.decide(PATIENCE_MS + 1).found_with == ("ib@b", "ic@c")


def test_who_hears_a_cluster_waits_to_be_added():
    """As long as it hears it; then it may found again."""
    blank = Blank("a", "b")
    blank.hears(hello("b", is_blank=False), cluster_id="x")
    assert blank.decide(PATIENCE_MS) == WAIT
    assert not blank.founding.accepts("i0@0", PATIENCE_MS)
    assert blank.decide(60_000) == Decision(found_with=("ia@a",))


def test_who_may_not_found_waits_for_ever():
    """A removed server, or one whose cluster yielded: it founds nothing and follows no founding."""
    blank = Blank("b", "a", may_found=False)
    blank.hears(hello("a"))
    assert blank.decide(3_600_000) == WAIT
    assert not blank.founding.accepts("ia@a", 1)
    other = Blank("a", "b")
    other.hears(hello("b", may_found=False))
    assert other.decide(PATIENCE_MS) == Decision(found_with=("ia@a",))


def test_a_server_follows_one_founding_only():
    """It confirms that one as often as asked, and refuses every other, smaller ones too."""
    blank = Blank("c", "a", "b", cluster_id="ib")
    assert blank.founding.accepts("ib@b", 1)
    assert not blank.founding.accepts("ia@a", 1)
    assert cluster_named_after("ib@b") == "ib"


def test_an_accepted_founding_that_never_comes_is_left_as_a_new_server():
    """After long silence; two that wait for the same founder are no sign of it."""
    blank = Blank("b", "a", "c", cluster_id="ia")
    for now_ms in range(0, 2000, 100):
        blank.hears(hello("c"), cluster_id="ia", now_ms=now_ms)
        assert blank.decide(now_ms) == WAIT
    blank.hears(hello("c"), cluster_id="ia", now_ms=2000)
    assert blank.decide(2000) == Decision(start_afresh=True)


def test_signs_of_the_accepted_cluster_prolong_the_wait():
    """Its founder still founding, a member of it, or its messages."""
    for sign in (
        lambda blank, now_ms: blank.hears(hello("a"), now_ms=now_ms),
        lambda blank, now_ms: blank.hears(hello("c", is_blank=False), cluster_id="ia", now_ms=now_ms),
        lambda blank, now_ms: blank.founding.sign_of_cluster(now_ms),
    ):
        blank = Blank("b", "a", "c", cluster_id="ia")
        for now_ms in range(0, 20_000, 500):
            sign(blank, now_ms)
            assert blank.decide(now_ms) == WAIT


def test_a_founder_that_went_elsewhere_frees_its_followers_at_once():
    """It founds only once, so its founding will never come."""
    blank = Blank("b", "a", cluster_id="ia")
    blank.hears(hello("a", is_blank=False), cluster_id="x", now_ms=1)
    assert blank.decide(1) == Decision(start_afresh=True)


def test_fixed_members_found_when_all_of_them_are_fresh_and_agree():
    """The smallest offers, waits without end, and names all."""
    blank = Blank("a", "b", "c", members=["c", "b", "a"])
    blank.hears(hello("b", members=("a", "b", "c")))
    assert blank.decide(5 * PATIENCE_MS) == WAIT
    blank.hears(hello("c", members=("a", "c")), now_ms=1000)
    assert blank.decide(1000) == WAIT
    for address in "bc":
        blank.hears(hello(address, members=("a", "b", "c")), now_ms=1000)
    assert blank.decide(1000) == Decision(offer_to=("ib@b", "ic@c"))
    blank.founding.accepted("ib@b")
    assert not blank.decide(1000 + 2 * PATIENCE_MS).found_with
    blank.founding.accepted("ic@c")
    assert blank.decide(1001 + 2 * PATIENCE_MS) == Decision(found_with=("ia@a", "ib@b", "ic@c"))


def test_fixed_members_follow_the_smallest_member_only():
    """Whoever else offers is not the founder of that cluster."""
    blank = Blank("c", "a", "b", members=["a", "b", "c"])
    assert not blank.founding.accepts("ib@b", 1)
    assert not blank.founding.accepts("i0@0", 1)
    assert blank.founding.accepts("ia@a", 1)


def test_who_is_founding_goes_on_while_it_waits():
    """Its deadline is always ahead of the time at which it was asked."""
    blank = Blank("a", "b", members=["a", "b"])
    now_ms = 0
    for _ in range(50):
        blank.decide(now_ms)
        assert blank.founding.deadline_ms > now_ms
        now_ms = blank.founding.deadline_ms


def test_greetings_are_repeated_at_a_bounded_rate():
    """Often while something waits for them, at most once a second in the long run otherwise."""
    acquaintances = Acquaintances()
    acquaintances.joined("b", 0)
    for patient, expected in ((False, 100), (True, 13)):
        acquaintances.greet_all(0)
        sent = sum(len(acquaintances.due([], now_ms, patient=patient)) for now_ms in range(0, 10_000, 10))
        assert sent == expected
    acquaintances.greet_all(0)
    assert acquaintances.due(["b"], 0, patient=True) == []


def test_the_same_words_are_not_said_twice_in_a_moment():
    """However often they are asked for; news is said at once."""
    acquaintances = Acquaintances()
    acquaintances.joined("b", 0)
    old, new = (None, hello("a")), ("x", hello("a"))
    assert acquaintances.is_news("b", old, 0)
    assert not acquaintances.is_news("b", old, 10)
    assert acquaintances.is_news("b", new, 11)
    assert acquaintances.is_news("b", new, 50)
