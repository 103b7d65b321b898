export { load } from "./facade/border.js";
export { SharedDocument, deleteRoom, exportRoom, joinRoom, listRooms, newSecret } from "./facade/document.js";
export { AuthenticationError, BadArgumentError, ClusterConflictError, ConfigError, FencedError, LocalProtocolError, NotLeaderError, OutcomeUnknownError, OverloadedError, PatchConflictError, RemoteProtocolError, StorageError, TransportError, WebraftError } from "./facade/errors.js";
export { BroadcastChannelNode, Emitter, LocalStorageHandlers, NodeInstance, RaftInterface, WebRTCNode } from "./facade/raft.js";
