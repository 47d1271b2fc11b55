// Appends with a candidate in the shadow and without one, in turn, so that both see the same machine.
import { candidateFiles, packed } from './candidate.mjs';
import { spreadEvents } from './events.mjs';
import { load, median } from './load.mjs';
import { ms, perSecond, row } from './row.mjs';
import { singleRequests, startStele } from './stele.mjs';

const CONNECTIONS = 16;

/** Every second round has the shadow; which of a pair comes first changes, for a machine that warms up or tires. */
export async function shadowBeside({ rounds, seconds, warmSeconds }) {
  const stele = await startStele();
  try {
    const bundle = Buffer.from(await packed(await candidateFiles('shadow'))).toString('base64');
    const requests = singleRequests(stele, spreadEvents());
    const measure = async (length) =>
      load({ url: stele.url, connections: CONNECTIONS, requests, seconds: length });
    await measure(warmSeconds);
    const pairs = [];
    let compared = 0;
    let dropped = 0;
    for (let pair = 0; pair < rounds * 2 + 1; pair += 1) {
      const without = async () => ({ without: await measure(seconds) });
      const beside = async () => {
        await change(stele, { act: 'start', sample: 1, bundle });
        const shadow = await measure(seconds);
        const status = await change(stele, { act: 'stop' });
        compared += status.compared;
        dropped += status.dropped;
        return { shadow };
      };
      const [first, second] = pair % 2 === 0 ? [without, beside] : [beside, without];
      pairs.push({ ...(await first()), ...(await second()) });
    }
    return rowsOf(pairs, { compared, dropped });
  } finally {
    await stele.stop();
  }
}

function rowsOf(pairs, { compared, dropped }) {
  const of = (side) => {
    const p99 = ms(median(pairs.map((pair) => pair[side].p99)));
    return `${perSecond(median(pairs.map((pair) => pair[side].perSecond)))}, p99 ${p99}`;
  };
  const ratio = (name) => median(pairs.map(({ shadow, without }) => shadow[name] / without[name]));
  const failed = pairs
    .flatMap(({ shadow, without }) => [shadow, without])
    .reduce((sum, { non2xx, errors }) => sum + non2xx + errors, 0);
  return [
    row('append durable, 16 connections', of('without')),
    row('  with a candidate in the shadow', of('shadow')),
    row('  ratio of rates, pair by pair', ratio('perSecond').toFixed(2)),
    row('  ratio of p99, pair by pair', ratio('p99').toFixed(2)),
    row('  compared in the shadow', `${compared}, ${dropped} dropped`, '> 0', compared > 0),
    row('  refused or failed', String(failed), '0', failed === 0),
  ];
}

async function change(stele, body) {
  const response = await fetch(`${stele.url}/v1/ledgers/bench/policy/shadow`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stele.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`shadow answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
