/** A JSON value (RFC 8259) whose strings are well-formed and whose integers are exact. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object; every member is an own, enumerable property. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}
