------------------------------- MODULE Site -------------------------------
(***************************************************************************)
(* One server per browser: the server S is run by one tab after another,   *)
(* and a tab that was taken over may wake at any time and go on. Rules are  *)
(* those of the design: 2 persist before promise, 3 fence before speech,    *)
(* 4 takeover rests on the journal, 1 a lost storage means a new id.        *)
(*                                                                         *)
(* Modelled: runners of S with what each has in memory, in its one batch   *)
(* under way (driver/driver.py: persist, send, apply) and waiting for the  *)
(* next; the fence; takeovers and the loss of the storage at any moment;   *)
(* terms, votes, logs, commitment, linearizable reads (core/reads.py);     *)
(* up to two plain Raft servers, T, which may lead, and U, which does not;  *)
(* messages that are lost, delayed, repeated and reordered, those for S    *)
(* heard by every runner of S.                                             *)
(*                                                                         *)
(* Needs no action: freezing, resuming, hanging (a runner takes no step for *)
(* a while), closing, crashing (for ever), stealing the lock (a takeover),  *)
(* losing a message (nobody hears it), a plain server's restart (it asks    *)
(* for votes anew). A leader's entries and commit indexes count at once as  *)
(* told to clients, so that acknowledged is all that ever was committed.    *)
(*                                                                         *)
(* Simplified: an AppendEntries carries the whole log, so there is no       *)
(* probing; a vote or acknowledgement is received when it is used; issuing  *)
(* a write and the database's doing it are one step, since what a page does *)
(* between the two joins its next batch; so are reading and adding in a     *)
(* takeover, for which Journal.tla answers; a follower or candidate whose   *)
(* batch is fenced stops at once, since nothing leaves it any more.         *)
(*                                                                         *)
(* Not modelled: membership changes, snapshots, Pre-Vote, check-quorum,     *)
(* leadership transfer, sessions, forwarded proposals and reads, and        *)
(* whether anything ever happens (safety only).                             *)
(*                                                                         *)
(* Results, all states within the bounds of cases.py: S alone, three        *)
(* runners and terms: 61,661; with T, two runners and terms: 34,941; with T *)
(* and U: 117,940 with a read, 246,724 with more writes, 43,546 with a lost *)
(* storage. Every invariant holds, and each weakening violates one. Found   *)
(* on the way: a candidate that wins by others' votes alone, before its own *)
(* is durable, may lead the term that its successor leads ("own vote        *)
(* unneeded").                                                              *)
(***************************************************************************)
EXTENDS Integers, Sequences, FiniteSets, TLC

CONSTANTS
  Voters,     \* The cluster: {"S"}, {"S", "T"} or {"S", "T", "U"}; all but S are plain Raft servers.
  PlainTerms, \* The plain server T asks for votes up to this term; U never does.
  MaxEpoch,   \* How often the server S is taken over, its first runner included.
  MaxTerm,
  MaxLog,     \* No client's entry lies beyond this index; a new leader's no-op may.
  MaxReads,   \* Linearizable reads in all.
  MayLose,    \* Whether the browser may lose its storage.
  Weakened    \* A set of Weakenings: {} is the design.

Weakenings == {
  "unfenced writes",    \* a write counts though another runner has taken over
  "unfenced answers",   \* what has nothing to persist is said without a fence check
  "unfenced reads",     \* as above, but only reads and read rounds
  "early promises",     \* votes and acknowledgements leave before they are durable
  "own entries early",  \* a leader counts its own entries before they are durable
  "own vote early",     \* a candidate counts its own vote before it is durable
  "own vote unneeded",  \* a candidate wins by others' votes before its own is durable
  "leads on",           \* a runner that takes a leader over goes on leading its term
  "old copy",           \* a runner starts from an observer's copy of the log
  "late reads",         \* a read joins a round that is under way
  "reused id" }         \* a server that lost its storage comes back under its id

ASSUME Weakened \subseteq Weakenings

VARIABLES
  store,    \* S's journal: whose writes count, and what is stored
  runs,     \* the runners of S by epoch: pages, awake or asleep
  plain,    \* the other servers
  msgs,     \* every message ever sent: it may be lost, delayed and duplicated
  acked,    \* what clients were told is committed: <<index, entry, term of the leader that said so>>
  led,      \* who ever led: <<term, who>>
  reads,    \* how many linearizable reads have begun
  stale     \* whether a linearizable read was ever answered without an earlier acknowledged write

vars == <<store, runs, plain, msgs, acked, led, reads, stale>>

S == "S"
Others == Voters \ {S}
Nobody == "nobody"
Plain == 0  \* who of T, in entries and in led; a runner of S is known by its epoch
Majorities == {some \in SUBSET Voters : 2 * Cardinality(some) > Cardinality(Voters)}
Indexes == 1..(MaxLog + MaxTerm)
Weak(how) == how \in Weakened

Last(log) == IF log = <<>> THEN 0 ELSE log[Len(log)][1]
IsPrefix(a, b) == Len(a) <= Len(b) /\ SubSeq(b, 1, Len(a)) = a
AckedIndex == LET indexes == {a[1] : a \in acked} \cup {0} IN CHOOSE i \in indexes : \A j \in indexes : j <= i

-----------------------------------------------------------------------------
(* What every server is, however it is run. An entry is <<term, who>>: a     *)
(* leader's first is its no-op. `commit` is known on a leader that has        *)
(* committed in its term, else 0. `read` is {} or {the one read under way}.   *)

NewServer == [term |-> 0, vote |-> Nobody, log |-> <<>>, role |-> "follower", commit |-> 0, read |-> {}]

Durable(v) == [term |-> v.term, vote |-> v.vote, log |-> v.log]

Follower(v, term) ==
  [v EXCEPT !.term = term, !.vote = IF term > v.term THEN Nobody ELSE @,
            !.role = "follower", !.commit = 0, !.read = {}]

Candidate(v, me) == [Follower(v, v.term + 1) EXCEPT !.vote = me, !.role = "candidate"]

Asked(v, me) ==
  [kind |-> "vote?", from |-> me, term |-> v.term, index |-> Len(v.log), last |-> Last(v.log)]
Sent(v, me) == IF Others = {} THEN {} ELSE
  {[kind |-> "entries", from |-> me, term |-> v.term, log |-> v.log]}

Answer(v, me, m) ==
  CASE m.kind = "vote?" ->
         LET w == IF m.term > v.term THEN Follower(v, m.term) ELSE v
             grants == /\ w.vote \in {Nobody, m.from}
                       /\ m.last > Last(w.log) \/ (m.last = Last(w.log) /\ m.index >= Len(w.log))
         IN IF grants
            THEN [v |-> [w EXCEPT !.vote = m.from],
                  says |-> {[kind |-> "vote!", from |-> me, to |-> m.from, term |-> m.term]}]
            ELSE [v |-> w, says |-> {}]
    [] m.kind = "entries" ->
         [v |-> [Follower(v, m.term) EXCEPT !.log = IF IsPrefix(m.log, @) THEN @ ELSE m.log],
          says |-> {[kind |-> "stored", from |-> me, term |-> m.term, index |-> Len(m.log)]}]
    [] m.kind = "round?" ->
         [v |-> Follower(v, m.term),
          says |-> {[kind |-> "round!", from |-> me, term |-> m.term, round |-> m.round]}]

IsRequest(m) == m.kind \in {"vote?", "entries", "round?"}

Elected(v, me, self) ==
  /\ v.role = "candidate"
  /\ \E some \in Majorities : \A voter \in some :
       IF voter = me THEN self ELSE [kind |-> "vote!", from |-> voter, to |-> me, term |-> v.term] \in msgs

Leader(v, who) == [v EXCEPT !.role = "leader", !.log = Append(@, <<v.term, who>>)]

Committable(v, me, own, index) ==
  /\ v.role = "leader" /\ index > v.commit /\ index <= Len(v.log) /\ v.log[index][1] = v.term
  /\ \E some \in Majorities : \A voter \in some :
       IF voter = me THEN own >= index
       ELSE \E m \in msgs : m.kind = "stored" /\ m.from = voter /\ m.term = v.term /\ m.index >= index

Confirmed(v, me, read) ==
  \E some \in Majorities : \A voter \in some :
       IF voter = me THEN read.own
       ELSE [kind |-> "round!", from |-> voter, term |-> v.term, round |-> read.round] \in msgs

Acknowledged(v, index) == {<<i, v.log[i], v.term>> : i \in 1..index}

-----------------------------------------------------------------------------
(* S, run by a tab. A runner's `late` messages wait for the next batch, its   *)
(* `ripe` reads for the fence check before they are served; `durable` is what  *)
(* its last completed batch stored, `out` is {} or {the batch under way}.      *)

NoRunner == [is |-> "off"]

Runner(stored) ==
  [is |-> "up", term |-> stored.term, vote |-> stored.vote, log |-> stored.log,
   role |-> "follower", commit |-> 0, read |-> {},
   durable |-> stored, late |-> {}, ripe |-> {}, out |-> {}]

\* Driver._complete: messages leave, reads are served, the own round counts (Leadership.batch_durable).
Completed(x, batch) ==
  [x EXCEPT !.ru = [@ EXCEPT !.durable = batch.durable, !.out = {},
                             !.read = {[r EXCEPT !.own = r.own \/ r.round \in batch.rounds] : r \in @}],
            !.msgs = @ \cup batch.late,
            !.stale = @ \/ \E r \in batch.ripe : r.index < r.need]

\* Driver._persist: with nothing to write, to say or to serve there is nothing to guard.
Unguarded(late, ripe) ==
  \/ late = {} /\ ripe = {}
  \/ Weak("unfenced answers")
  \/ Weak("unfenced reads") /\ \A m \in late : m.kind \in {"round?", "round!"}

\* Driver._begin_batch and JournalStorage.persist. One batch at a time; entries have left already
\* (core/ready.may_go_early). An empty batch is a fence check, a fenced one is noticed in Complete.
Begun(e, x) ==
  LET ru == x.ru
      isNew == Durable(ru) # ru.durable
      rounds == {r.round : r \in {q \in ru.read : ~q.own}}
      isRightful == e = x.store.epoch
      early == IF Weak("early promises") THEN ru.late ELSE {}
      batch == [durable |-> Durable(ru), late |-> ru.late, ripe |-> ru.ripe, rounds |-> rounds,
                isFenced |-> ~isRightful /\ ~(isNew /\ Weak("unfenced writes"))]
      y == [x EXCEPT !.ru.late = {}, !.ru.ripe = {}]
  IN IF ru.out # {} \/ ~(isNew \/ ru.late # {} \/ ru.ripe # {} \/ rounds # {}) THEN x
     ELSE IF ~isNew /\ Unguarded(ru.late, ru.ripe) THEN Completed(y, batch)
     ELSE IF batch.isFenced /\ ru.role # "leader" /\ ~Weak("own vote unneeded")
     THEN [x EXCEPT !.ru = NoRunner, !.msgs = @ \cup early]
     ELSE [y EXCEPT !.ru.out = {batch},
                    !.msgs = @ \cup early,
                    !.store = IF isNew /\ ~batch.isFenced
                              THEN [epoch |-> @.epoch, stored |-> Durable(ru)] ELSE @]

Become(e, x) ==
  LET y == Begun(e, x) IN
  /\ runs' = [runs EXCEPT ![e] = y.ru]
  /\ store' = y.store
  /\ msgs' = y.msgs
  /\ stale' = y.stale

Now(ru) == [ru |-> ru, store |-> store, msgs |-> msgs, stale |-> stale]
Says(ru, what) == [ru |-> ru, store |-> store, msgs |-> msgs \cup what, stale |-> stale]

\* JournalStorage.take_over, then Runner._serve: a follower, from exactly what is stored (rule 4).
TakeOver ==
  LET e == store.epoch + 1
      stored == store.stored
      wasLeading == \E l \in led : l[1] = stored.term /\ l[2] \in 1..MaxEpoch
  IN /\ store.epoch > 0 /\ e <= MaxEpoch
     /\ store' = [store EXCEPT !.epoch = e]
     /\ \E k \in IF Weak("old copy") THEN 0..Len(stored.log) ELSE {Len(stored.log)} :
          LET fresh == Runner([stored EXCEPT !.log = SubSeq(@, 1, k)]) IN
          IF Weak("leads on") /\ wasLeading
          THEN /\ runs' = [runs EXCEPT ![e] = [fresh EXCEPT !.role = "leader"]]
               /\ led' = led \cup {<<stored.term, e>>}
          ELSE /\ runs' = [runs EXCEPT ![e] = fresh]
               /\ UNCHANGED led
     /\ UNCHANGED <<plain, msgs, acked, reads, stale>>

\* Site data cleared: every page's connection is closed, and what is founded next has a new id (rule 1),
\* so that S is gone for good.
Lose ==
  /\ MayLose /\ store.epoch > 0
  /\ IF Weak("reused id")
     THEN /\ store.epoch < MaxEpoch
          /\ store' = [epoch |-> store.epoch + 1, stored |-> Durable(NewServer)]
          /\ runs' = [runs EXCEPT ![store.epoch + 1] = Runner(Durable(NewServer))]
     ELSE /\ store' = [epoch |-> 0, stored |-> Durable(NewServer)]
          /\ UNCHANGED runs
  /\ UNCHANGED <<plain, msgs, acked, led, reads, stale>>

Up(e) == runs[e].is = "up"

Campaign(e) ==  \* Raft._ask_for_votes
  LET ru == runs[e] c == Candidate(ru, S) IN
  /\ Up(e) /\ ru.role # "leader" /\ ru.term < MaxTerm
  /\ Become(e, Now([c EXCEPT !.late = IF Others = {} THEN @ ELSE @ \cup {Asked(c, S)}]))
  /\ UNCHANGED <<plain, acked, led, reads>>

Win(e) ==  \* Raft._record_vote: not before the own vote is durable, however many others have voted
  LET ru == runs[e]
      self == Weak("own vote early") \/ (ru.durable.term = ru.term /\ ru.durable.vote = S)
      l == Leader(ru, e)
  IN /\ Up(e)
     /\ self \/ Weak("own vote unneeded")
     /\ Elected(ru, S, self)
     /\ led' = led \cup {<<ru.term, e>>}
     /\ Become(e, Says(l, Sent(l, S)))
     /\ UNCHANGED <<plain, acked, reads>>

Write(e) ==  \* Leadership.append: the entries leave before they are durable here (rule 2)
  LET ru == runs[e] l == [ru EXCEPT !.log = Append(@, <<ru.term, e>>)] IN
  /\ Up(e) /\ ru.role = "leader" /\ Len(ru.log) < MaxLog
  /\ Become(e, Says(l, Sent(l, S)))
  /\ UNCHANGED <<plain, acked, led, reads>>

Commit(e) ==  \* Leadership.maybe_commit: itself it counts only as far as it is durable
  LET ru == runs[e] own == IF Weak("own entries early") THEN Len(ru.log) ELSE Len(ru.durable.log) IN
  /\ Up(e)
  /\ \E index \in Indexes :
       /\ Committable(ru, S, own, index)
       /\ acked' = acked \cup Acknowledged(ru, index)
       /\ Become(e, Now([ru EXCEPT !.commit = index]))
  /\ UNCHANGED <<plain, led, reads>>

Read(e) ==  \* Leadership.begin_read_round: a round, own check included, that begins after the read arrived
  LET ru == runs[e]
      round == reads + 1
      begun == [need |-> AckedIndex, index |-> ru.commit, round |-> round, own |-> FALSE]
      asks == IF Others = {} THEN {} ELSE {[kind |-> "round?", from |-> S, term |-> ru.term, round |-> round]}
  IN /\ Up(e) /\ ru.role = "leader" /\ ru.commit > 0
     /\ \/ /\ ru.read = {} /\ ru.out = {} /\ round <= MaxReads
           /\ reads' = round
           /\ Become(e, Now([ru EXCEPT !.read = {begun}, !.late = @ \cup asks]))
        \/ /\ Weak("late reads")
           /\ UNCHANGED reads
           /\ Become(e, Now([ru EXCEPT !.read = {[r EXCEPT !.need = AckedIndex] : r \in @}]))
     /\ UNCHANGED <<plain, acked, led>>

Confirm(e) ==  \* ReadRounds.released: a majority has answered; one more fence check, and it is served
  LET ru == runs[e] IN
  /\ Up(e)
  /\ \E r \in ru.read :
       /\ Confirmed(ru, S, r)
       /\ Become(e, Now([ru EXCEPT !.read = {}, !.ripe = @ \cup {r}]))
  /\ UNCHANGED <<plain, acked, led, reads>>

Hear(e) ==  \* Raft.step: what is answered waits for a batch
  LET ru == runs[e] IN
  /\ Up(e)
  /\ \E m \in msgs :
       /\ IsRequest(m) /\ m.from # S /\ m.term >= ru.term
       /\ LET a == Answer(ru, S, m) IN
          /\ a.v # ru \/ ~(a.says \subseteq msgs \cup ru.late \cup UNION {b.late : b \in ru.out})
          /\ Become(e, Now([a.v EXCEPT !.late = @ \cup a.says]))
  /\ UNCHANGED <<plain, acked, led, reads>>

Complete(e) ==  \* Driver._on_persisted, and the next batch in the same turn; or the end, fenced
  /\ Up(e)
  /\ \E batch \in runs[e].out :
       IF batch.isFenced
       THEN /\ runs' = [runs EXCEPT ![e] = NoRunner]
            /\ UNCHANGED <<store, msgs, stale>>
       ELSE Become(e, Completed(Now(runs[e]), batch))
  /\ UNCHANGED <<plain, acked, led, reads>>

-----------------------------------------------------------------------------
(* The plain servers: they persist and send in one step *)

Set(p, v) == plain' = [plain EXCEPT ![p] = v]

PlainCampaign(p) ==
  LET c == Candidate(plain[p], p) IN
  /\ p = "T" /\ plain[p].role # "leader" /\ c.term <= PlainTerms
  /\ Set(p, c)
  /\ msgs' = msgs \cup {Asked(c, p)}
  /\ UNCHANGED <<store, runs, acked, led, reads, stale>>

PlainWin(p) ==
  LET v == plain[p] l == Leader(v, Plain) IN
  /\ Elected(v, p, TRUE)
  /\ Set(p, l)
  /\ led' = led \cup {<<v.term, Plain>>}
  /\ msgs' = msgs \cup Sent(l, p)
  /\ UNCHANGED <<store, runs, acked, reads, stale>>

PlainWrite(p) ==
  LET v == plain[p] l == [v EXCEPT !.log = Append(@, <<v.term, Plain>>)] IN
  /\ v.role = "leader" /\ Len(v.log) < MaxLog
  /\ Set(p, l)
  /\ msgs' = msgs \cup Sent(l, p)
  /\ UNCHANGED <<store, runs, acked, led, reads, stale>>

PlainCommit(p) ==
  LET v == plain[p] IN
  \E index \in Indexes :
    /\ Committable(v, p, Len(v.log), index)
    /\ Set(p, [v EXCEPT !.commit = index])
    /\ acked' = acked \cup Acknowledged(v, index)
    /\ UNCHANGED <<store, runs, msgs, led, reads, stale>>

PlainRead(p) ==
  LET v == plain[p] round == reads + 1 IN
  /\ v.role = "leader" /\ v.commit > 0 /\ v.read = {} /\ round <= MaxReads
  /\ reads' = round
  /\ Set(p, [v EXCEPT !.read = {[need |-> AckedIndex, index |-> v.commit, round |-> round, own |-> TRUE]}])
  /\ msgs' = msgs \cup {[kind |-> "round?", from |-> p, term |-> v.term, round |-> round]}
  /\ UNCHANGED <<store, runs, acked, led, stale>>

PlainConfirm(p) ==
  LET v == plain[p] IN
  \E r \in v.read :
    /\ Confirmed(v, p, r)
    /\ Set(p, [v EXCEPT !.read = {}])
    /\ stale' = (stale \/ r.index < r.need)
    /\ UNCHANGED <<store, runs, msgs, acked, led, reads>>

PlainHear(p) ==
  LET v == plain[p] IN
  \E m \in msgs :
    /\ IsRequest(m) /\ m.from # p /\ m.term >= v.term
    /\ LET a == Answer(v, p, m) IN
       /\ a.v # v \/ ~(a.says \subseteq msgs)
       /\ Set(p, a.v)
       /\ msgs' = msgs \cup a.says
    /\ UNCHANGED <<store, runs, acked, led, reads, stale>>

-----------------------------------------------------------------------------
Init ==
  /\ store = [epoch |-> 1, stored |-> Durable(NewServer)]
  /\ runs = [e \in 1..MaxEpoch |-> IF e = 1 THEN Runner(Durable(NewServer)) ELSE NoRunner]
  /\ plain = [p \in Others |-> NewServer]
  /\ msgs = {} /\ acked = {} /\ led = {} /\ reads = 0 /\ stale = FALSE

Next ==
  \/ TakeOver \/ Lose
  \/ \E e \in 1..MaxEpoch :
       Campaign(e) \/ Win(e) \/ Write(e) \/ Commit(e) \/ Read(e) \/ Confirm(e) \/ Hear(e) \/ Complete(e)
  \/ \E p \in Others :
       \/ PlainCampaign(p) \/ PlainWin(p) \/ PlainWrite(p) \/ PlainCommit(p)
       \/ PlainRead(p) \/ PlainConfirm(p) \/ PlainHear(p)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must hold *)

OneVotePerTerm ==
  \A m, n \in msgs :
    (m.kind = "vote!" /\ n.kind = "vote!" /\ m.from = n.from /\ m.term = n.term) => m.to = n.to

OneLeaderPerTerm == \A l, k \in led : l[1] = k[1] => l = k

Awake == {e \in 1..MaxEpoch : Up(e)}
Logs == {runs[e].log : e \in Awake} \cup {plain[p].log : p \in Others} \cup {store.stored.log}

NothingLost ==
  /\ \A a, b \in acked : a[1] = b[1] => a[2] = b[2]
  /\ \A v \in {runs[e] : e \in Awake} \cup {plain[p] : p \in Others} :
       v.role = "leader" =>
         \A a \in acked : a[3] < v.term => Len(v.log) >= a[1] /\ v.log[a[1]] = a[2]

NoStaleRead == ~stale

(* A zombie's messages are harmless: whatever votes, candidacies, acknowledgements *)
(* and leaderships of S there ever were, its store stands behind them. So they are  *)
(* what one server that crashes and restarts on that store could have sent, and     *)
(* that came late.                                                                  *)
Backs(stored, m) ==
  CASE m.kind = "vote!"  -> stored.term > m.term \/ (stored.term = m.term /\ stored.vote = m.to)
    [] m.kind = "vote?"  -> stored.term > m.term \/ (stored.term = m.term /\ stored.vote = S)
    [] m.kind = "entries" -> stored.term > m.term \/ (stored.term = m.term /\ stored.vote = S)
    [] m.kind = "stored" -> stored.term > m.term \/ (stored.term = m.term /\ Len(stored.log) >= m.index)
    [] OTHER -> stored.term >= m.term

StoreBacksPromises == store.epoch > 0 => \A m \in msgs : m.from = S => Backs(store.stored, m)

LogsMatch ==
  \A a, b \in Logs : \A i \in Indexes :
    (i <= Len(a) /\ i <= Len(b) /\ a[i][1] = b[i][1]) => SubSeq(a, 1, i) = SubSeq(b, 1, i)

-----------------------------------------------------------------------------
(* What must be reachable, or the above would say little: each is to be violated *)

Zombies == {e \in Awake : e < store.epoch}

NoZombieFenced == ~\E e \in Zombies : \E batch \in runs[e].out : batch.isFenced
NoZombieSpeaks == ~\E e \in Zombies : \E batch \in runs[e].out : ~batch.isFenced /\ batch.late # {}
NoTwoLeaders == ~\E e, f \in Awake : e # f /\ runs[e].role = "leader" /\ runs[f].role = "leader"
NoLaterWrite == ~\E a \in acked : a[2][2] = 2 /\ a[1] > 2
NoReadServed == ~\E e \in 2..MaxEpoch : Up(e) /\ \E batch \in runs[e].out : batch.ripe # {} /\ ~batch.isFenced
NoZombieRead == ~\E e \in Zombies : \E batch \in runs[e].out : batch.ripe # {} /\ batch.isFenced
NoRoundAnswered == ~\E m \in msgs : m.kind = "round!" /\ m.from = S
NoHandOver == ~(\E l, k \in led : l[2] = Plain /\ k[2] \in 2..MaxEpoch /\ k[1] > l[1])
NoLossSurvived == ~(store.epoch = 0 /\ acked # {} /\ \A m \in msgs : m.kind = "stored" => m.from # S)
=============================================================================
