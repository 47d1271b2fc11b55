import type { JsonObject } from '../../core/json/strict-json.ts';
import type { Caller } from '../../keys/caller.ts';
import type { ActionName } from '../../policy/contract/decision.ts';
import type { KnownFacts, SourceFacts } from '../../policy/decide/jobs.ts';
import type { Asker } from '../context/asker.ts';

/** Media types of one caller that are remembered; in binary mode it may name any. */
const MEDIA_TYPES_MAX = 16;

/** What is asked, and in which form. */
export interface Asked {
  readonly action: ActionName;
  readonly resource: KnownFacts['resource'];
  readonly mediaType: string;
}

/** What a gateway vouches for in a decision. One object for what repeats: the pool knows its text by the object. */
export class JobFacts {
  readonly #ledger: JsonObject;
  readonly #actions = new Map<ActionName, KnownFacts['action']>();
  readonly #sources = new WeakMap<Caller['auth'], Map<string, SourceFacts>>();

  /** @param origin - Of the ledger's log. */
  constructor(name: string, origin: string) {
    this.#ledger = Object.freeze({ name, origin });
  }

  /** The facts of one decision. */
  of(
    { caller, context }: Asker,
    { action: name, resource, mediaType }: Asked,
  ): { readonly known: KnownFacts; readonly source: SourceFacts } {
    const action = this.#actions.get(name) ?? { name };
    this.#actions.set(name, action);
    const known = { subject: caller.subject, action, resource, context, ledger: this.#ledger };
    return { known, source: this.#sourceOf(caller, mediaType) };
  }

  #sourceOf({ auth }: Caller, mediaType: string): SourceFacts {
    const known = this.#sources.get(auth) ?? new Map<string, SourceFacts>();
    const source = known.get(mediaType) ?? { media_type: mediaType, auth, producer: null };
    if (known.size >= MEDIA_TYPES_MAX) known.clear();
    known.set(mediaType, source);
    this.#sources.set(auth, known);
    return source;
  }
}
