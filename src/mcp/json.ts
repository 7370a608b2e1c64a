/**
 * The strict JSON reader as the rest of the program sees it: one pass over the bytes, fed chunk by chunk, that accepts only documents
 * with exactly one meaning and records the byte span of every value, so that a document can be forwarded untouched or changed in place.
 * Must not know JSON-RPC or MCP, and must never re-serialise what it read.
 */
export { ABSENT, type JsonDocument, type Node } from "./json/document.ts";
export { JsonReader, readJson, type JsonLimits } from "./json/reader.ts";
