import { entryPrefix } from '../../core/entry/entry.ts';
import type { LogConfig } from '../../core/ledger/config.ts';
import type { JsonObject } from '../../core/json/strict-json.ts';
import { checkControl } from '../../core/ledger/ctl.ts';
import { makeUuid7 } from '../../core/entry/uuid7.ts';
import type { LedgerContext } from '../context/context.ts';
import type { EntryDraft } from '../context/receipt.ts';

const DAY_MS = 86_400_000;
const JTI_RANDOM_BYTES = 10;

/**
 * Drafts an entry of the system itself: without policy and record, its facts in clear.
 * @throws MalformedError when `ctl` is not of the schema of `kind`.
 */
export function systemDraft(
  context: LedgerContext,
  config: LogConfig,
  kind: string,
  ctl: JsonObject,
): EntryDraft {
  checkControl(kind, ctl);
  const at = context.clock();
  const jti = makeUuid7(at, context.random(JTI_RANDOM_BYTES));
  const name = config.fallbackClass;
  const { mode = 'none', days = null } = config.classes[name] ?? {};
  const ret = { class: name, mode, until: days === null ? null : at + days * DAY_MS };
  const sby = at + config.maxSealMs;
  const { origin: iss, gen } = context.genesis;
  const iat = Math.floor(at / 1000);
  const prefix = entryPrefix({ v: 1, iss, gen, jti, iat, at, kind, ret, sby, ctl });
  return { jti, at, sby, ret, prefix, record: null };
}
