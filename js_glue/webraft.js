// @ts-check
/**
 * Raft consensus in the browser, for pages in JavaScript: `joinRoom` shares a document between tabs and
 * browsers; `RaftInterface` and `NodeInstance` are webraft's API.
 *
 * All of it is the Python package `webraft_web` in Pyodide, which `load` starts: names and conversions are
 * what these modules add. They need no bundler.
 */

export { CopyAndPaste, load } from "./facade/border.js";
export { SharedDocument, deleteRoom, exportRoom, joinRoom, listRooms, newSecret } from "./facade/document.js";
export {
  AuthenticationError,
  BadArgumentError,
  ClusterConflictError,
  ConfigError,
  FencedError,
  LocalProtocolError,
  NotLeaderError,
  OutcomeUnknownError,
  OverloadedError,
  PatchConflictError,
  RemoteProtocolError,
  StorageError,
  TransportError,
  WebraftError,
} from "./facade/errors.js";
export { lendPeerConnections } from "./facade/lending.js";
export {
  BroadcastChannelNode,
  Emitter,
  LocalStorageHandlers,
  NodeInstance,
  RaftInterface,
  WebRTCNode,
} from "./facade/raft.js";

/** @typedef {import("./facade/border.js").IceServer} IceServer */
/** @typedef {import("./facade/border.js").LoadOptions} LoadOptions */
/** @typedef {import("./facade/border.js").Port} Port */
/** @typedef {import("./facade/border.js").Strategy} Strategy */
/** @typedef {import("./facade/document.js").DocumentEvents} DocumentEvents */
/** @typedef {import("./facade/document.js").Operation} Operation */
/** @typedef {import("./facade/document.js").RoomOptions} RoomOptions */
/** @typedef {import("./facade/document.js").Status} Status */
/** @typedef {import("./facade/raft.js").Committed} Committed */
/** @typedef {import("./facade/raft.js").RaftEvents} RaftEvents */
/** @typedef {import("./facade/raft.js").RaftState} RaftState */
/** @typedef {import("./facade/raft.js").WebRTCOptions} WebRTCOptions */
