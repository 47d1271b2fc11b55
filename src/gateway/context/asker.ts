import type { JsonObject } from '../../core/json/strict-json.ts';
import type { Caller } from '../../keys/caller.ts';

/** Who asks, and from where: the same for every event of a request. */
export interface Asker {
  readonly caller: Caller;
  /** `ip` of the connection, or of the client behind trusted proxies, and `request_id`. One object for the request. */
  readonly context: JsonObject;
}
