// NDJSON of 100 events a request against one event a request, on one gateway, in turn.
import { realEvents, spreadEvents } from './events.mjs';
import { load, median } from './load.mjs';
import { perSecond, row } from './row.mjs';
import { manyRequests, singleRequests, startStele } from './stele.mjs';

const LINES = 100;
const RATIO_BAR = 3;

export async function manyAgainstSingle({ rounds, seconds, warmSeconds }) {
  const events = realEvents();
  const stele = await startStele();
  try {
    const single = {
      url: stele.url,
      connections: 64,
      requests: singleRequests(stele, spreadEvents()),
    };
    const many = { url: stele.url, connections: 8, requests: manyRequests(stele, events, LINES) };
    await load({ ...single, seconds: warmSeconds });
    await load({ ...many, seconds: warmSeconds });
    const pairs = [];
    for (let round = 0; round < rounds; round += 1) {
      const one = await load({ ...single, seconds });
      const hundred = await load({ ...many, seconds });
      pairs.push({ one: one.perSecond, hundred: hundred.perSecond * LINES, p99: hundred.p99 });
    }
    const ratio = median(pairs.map((pair) => pair.hundred / pair.one));
    return [
      row('one event a request', `${perSecond(median(pairs.map((pair) => pair.one)))} entries`),
      row(
        '100 events a request',
        `${perSecond(median(pairs.map((pair) => pair.hundred)))} entries`,
      ),
      row('ratio, pair by pair', ratio.toFixed(2), `>= ${RATIO_BAR}`, ratio >= RATIO_BAR),
    ];
  } finally {
    await stele.stop();
  }
}
