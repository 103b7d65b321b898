------------------------------ MODULE Journal ------------------------------
(***************************************************************************)
(* The journal that tabs take over from one another: webraft_web/storage   *)
(* (journal.py, indexed_db.py) over js_glue/src/journal.js.                *)
(*                                                                         *)
(* Modelled: positions that are written once, takeovers of three steps     *)
(* (where to read from, read, add) that may be overtaken between any two,  *)
(* the check after them, batches, checkpoints that discard what they       *)
(* supersede. A page that is frozen takes no step; one that is closed or   *)
(* killed takes none any more. What a batch says does not matter here: it  *)
(* is a number. Site.tla rests on the result: whoever passes the fence     *)
(* knows all that is stored, so takeover and write are single steps there. *)
(*                                                                         *)
(* Not modelled: damage, quota, deletion of the whole database (it closes  *)
(* every page's connection first).                                         *)
(*                                                                         *)
(* Results: three pages and seven positions have 582,441 states, and every *)
(* invariant holds in all. Found on the way: a takeover that is not checked *)
(* afterwards can be added where a checkpoint has discarded a batch, and   *)
(* then counts beside the rightful writer ("unchecked takeover").          *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS
  Pages,
  MaxPosition,
  Weakened      \* a set of Weakenings: {} is the design

Weakenings == {
  "unfenced add",         \* a position that is taken is written over
  "discarded takeovers",  \* a checkpoint discards takeover records, too
  "unchecked takeover" }  \* a takeover counts once it is added, wherever that was

ASSUME Weakened \subseteq Weakenings

VARIABLES
  records,  \* by position; kind "none" where there is none
  start,    \* where the last record stands that discarded others
  pages,
  written,  \* how many batches were ever written: the next one's number
  acked,    \* the batches that were answered with success
  blind     \* whether a write ever succeeded whose writer did not know all of these

vars == <<records, start, pages, written, acked, blind>>

Weak(how) == how \in Weakened
Positions == 1..MaxPosition
None == [kind |-> "none", batches |-> {}]
Taken(position) == records[position].kind # "none"
Reaches(position) == \E p \in Positions : p >= position /\ Taken(p)
Max(numbers) == CHOOSE m \in numbers : \A n \in numbers : n <= m

Asleep == [is |-> "observing", from |-> 0, first |-> 0, tail |-> 0, takeovers |-> {}, known |-> {}]

\* What reading from a position on amounts to: back to the last checkpoint (Journal._read).
From(position) ==
  LET there == {p \in Positions : p >= position /\ Taken(p)}
      checkpoints == {p \in there : records[p].kind = "checkpoint"}
      first == IF checkpoints = {} THEN 1 ELSE Max(checkpoints)
      needed == {p \in there : p >= first}
  IN [first |-> first,
      tail |-> Max(there \cup {0}),
      takeovers |-> {p \in needed : records[p].kind = "takeover"},
      known |-> UNION {records[p].batches : p \in needed},
      isWhole |-> needed = first..Max(there \cup {0})]

-----------------------------------------------------------------------------
(* A takeover: JournalStorage.take_over *)

Begin(page) ==  \* `load` in js_glue/src/journal.js asks first where to begin …
  /\ pages[page].is = "observing"
  /\ pages' = [pages EXCEPT ![page] = [Asleep EXCEPT !.is = "reading", !.from = IF start = 0 THEN 1 ELSE start]]
  /\ UNCHANGED <<records, start, written, acked, blind>>

Read(page) ==   \* … and reads from there in a second transaction
  LET found == From(pages[page].from) IN
  /\ pages[page].is = "reading"
  /\ pages' = [pages EXCEPT ![page] = [is |-> "taking", from |-> 0, first |-> found.first, tail |-> found.tail,
                                       takeovers |-> found.takeovers, known |-> found.known]]
  /\ UNCHANGED <<records, start, written, acked, blind>>

Add(page) ==
  LET at == pages[page].tail + 1 IN
  /\ pages[page].is = "taking" /\ at <= MaxPosition
  /\ IF Taken(at)
     THEN /\ pages' = [pages EXCEPT ![page] = Asleep]  \* FencedError: once more
          /\ UNCHANGED records
     ELSE /\ records' = [records EXCEPT ![at] = [kind |-> "takeover", batches |-> {}]]
          /\ pages' = [pages EXCEPT ![page] =
               [@ EXCEPT !.is = IF Weak("unchecked takeover") THEN "running" ELSE "checking",
                         !.tail = at, !.takeovers = @ \cup {at}]]
  /\ UNCHANGED <<start, written, acked, blind>>

Check(page) ==  \* the position may have been free because a checkpoint discarded what stood there
  /\ pages[page].is = "checking"
  /\ pages' = [pages EXCEPT ![page] =
       IF Reaches(@.tail + 1) THEN Asleep ELSE [@ EXCEPT !.is = "running"]]
  /\ UNCHANGED <<records, start, written, acked, blind>>

(* A runner's batches: JournalStorage.persist *)

Write(page, isCheckpoint) ==
  LET it == pages[page]
      at == it.tail + 1
      number == written + 1
      known == it.known \cup {number}
      discarded == IF isCheckpoint
                   THEN {p \in it.first..it.tail : Weak("discarded takeovers") \/ p \notin it.takeovers}
                   ELSE {}
      record == [kind |-> IF isCheckpoint THEN "checkpoint" ELSE "batch",
                 batches |-> IF isCheckpoint THEN known ELSE {number}]
  IN
  /\ it.is = "running" /\ at <= MaxPosition
  /\ IF Taken(at) /\ ~Weak("unfenced add")
     THEN /\ pages' = [pages EXCEPT ![page] = Asleep]  \* FencedError: its server is over
          /\ UNCHANGED <<records, start, written, acked, blind>>
     ELSE /\ records' = [p \in Positions |->
               IF p = at THEN record ELSE IF p \in discarded THEN None ELSE records[p]]
          /\ start' = IF discarded = {} THEN start ELSE at
          /\ written' = number
          /\ blind' = (blind \/ ~(acked \subseteq it.known))
          /\ acked' = acked \cup {number}
          /\ pages' = [pages EXCEPT ![page] =
               [@ EXCEPT !.tail = at, !.known = known,
                         !.first = IF isCheckpoint THEN at ELSE @,
                         !.takeovers = IF isCheckpoint THEN {} ELSE @]]

Init ==
  /\ records = [p \in Positions |-> None]
  /\ start = 0
  /\ pages = [page \in Pages |-> Asleep]
  /\ written = 0 /\ acked = {} /\ blind = FALSE

Next ==
  \E page \in Pages :
    Begin(page) \/ Read(page) \/ Add(page) \/ Check(page) \/ Write(page, TRUE) \/ Write(page, FALSE)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must hold *)

NothingLost == acked \subseteq From(IF start = 0 THEN 1 ELSE start).known

WritersKnowAll == ~blind

\* A fence check (an empty batch) that succeeds is worth something.
CheckersKnowAll ==
  \A page \in Pages :
    pages[page].is = "running" /\ ~Reaches(pages[page].tail + 1) => acked \subseteq pages[page].known

NeverDamaged ==
  /\ From(IF start = 0 THEN 1 ELSE start).isWhole
  /\ \A page \in Pages : pages[page].is = "reading" => From(pages[page].from).isWhole

-----------------------------------------------------------------------------
(* What must be reachable, or the above would say little: each is to be violated *)

NoZombie == ~\E a, b \in Pages : pages[a].is = "running" /\ pages[b].is = "running" /\ a # b
NoFreedPosition == ~\E page \in Pages :
  pages[page].is = "taking" /\ ~Taken(pages[page].tail + 1) /\ Reaches(pages[page].tail + 1)
NoOldTakeover == ~\E page \in Pages : \E p \in Positions :
  pages[page].is = "running" /\ p < pages[page].first /\ records[p].kind = "takeover"
=============================================================================
