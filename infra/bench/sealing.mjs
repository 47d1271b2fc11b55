// Whether sealing keeps up: the backlog must not grow while both forms of append run at full load.
import { realEvents } from './events.mjs';
import { load } from './load.mjs';
import { perSecond, row } from './row.mjs';
import { manyRequests, metric, singleRequests, startStele } from './stele.mjs';

const SAMPLE_MS = 1000;
/** Growth between the second and the last quarter that noise explains. */
const GROWTH_MAX = 1.5;
/** A backlog of this many entries is one batch or two, whatever it was before. */
const SMALL_BACKLOG = 5_000;

export async function sealingKeepsUp({ sustainSeconds }) {
  const events = realEvents();
  const rows = [];
  for (const [name, requestsOf, connections, lines] of [
    ['single', singleRequests, 64, 1],
    ['NDJSON of 100', (stele, all) => manyRequests(stele, all, 100), 8, 100],
  ]) {
    const stele = await startStele();
    try {
      const samples = [];
      const timer = setInterval(
        async () => samples.push(await metric(stele, 'stele_ledger_backlog_entries')),
        SAMPLE_MS,
      );
      const result = await load({
        url: stele.url,
        connections,
        seconds: sustainSeconds,
        requests: requestsOf(stele, events),
      });
      clearInterval(timer);
      const quarter = Math.max(1, Math.floor(samples.length / 4));
      const mean = (part) => part.reduce((sum, value) => sum + value, 0) / part.length;
      const early = mean(samples.slice(quarter, 2 * quarter));
      const late = mean(samples.slice(-quarter));
      const met = late <= SMALL_BACKLOG || late <= early * GROWTH_MAX;
      rows.push(
        row(
          `${name}, ${sustainSeconds} s at ${perSecond(result.perSecond * lines)}: backlog`,
          `${Math.round(early)} early, ${Math.round(late)} late`,
          'does not grow',
          met,
        ),
      );
    } finally {
      await stele.stop();
    }
  }
  return rows;
}
