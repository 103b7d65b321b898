export * from "./types/webraft.js";
