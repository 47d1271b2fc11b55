import { describe, expect, test } from '@jest/globals';
import { applyBatch } from '../../../src/core/log-state.ts';
import { MiniLog } from '../../golden/support.ts';

describe('applyBatch', () => {
  test('accepts what planBatch and encodeBatch make', async () => {
    const log = await MiniLog.create();
    const w = await log.writer('one');
    const boot = await log.entry(w, 'boot', {
      ctl: { prevBoot: null, lastSeq: null, policy: log.genesis.policy!.id },
    });
    await log.seal(w, [boot, await log.entry(w, 'event')]);
    const bytes = await log.batch(w, [await log.entry(w, 'heartbeat', { ctl: {} })]);
    const verdict = applyBatch(log.state, bytes, 'v1', { number: 1 });
    expect(verdict).toMatchObject({ ok: true, state: { number: 1, size: 3 } });
  });
});
