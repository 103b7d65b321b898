"""The Python half of the façade for JavaScript pages; `js_glue/webraft.js` is the other.

It adds conversions and nothing else: what a page calls is the class or function
that Python programs call. `border` says how calls, results, errors and handlers
cross; `raft` lets classes of JavaScript's extend `RaftInterface` and `NodeInstance`,
`signaling` lets objects of its be strategies, and `room` is for rooms.
"""
