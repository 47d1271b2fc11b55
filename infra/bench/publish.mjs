// From the start of an append to a signed checkpoint that covers it, at 64 writers, on files and on a real S3 server.
import { realEvents } from './events.mjs';
import { ms, row } from './row.mjs';
import { startStele } from './stele.mjs';
import { startS3 } from './s3.mjs';

const WRITERS = 64;

/** @returns {Promise<number[]>} milliseconds of each append */
async function measure(stele, seconds) {
  const events = realEvents();
  const until = performance.now() + seconds * 1000;
  const times = [];
  let next = 0;
  const writer = async () => {
    while (performance.now() < until) {
      const started = performance.now();
      const response = await fetch(`${stele.url}/v1/ledgers/bench/entries?ack=sealed`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${stele.key}` },
        body: events[next++ % events.length],
      });
      const answer = await response.json();
      if (response.status !== 201)
        throw new Error(`answered ${response.status}: ${JSON.stringify(answer)}`);
      await checkpointOver(stele, answer.index);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return times.sort((a, b) => a - b);
}

let newest = 0;
/** Asks for the served checkpoint unless one that was seen covers the entry already. */
async function checkpointOver(stele, index) {
  while (newest <= index) {
    const note = await (await fetch(`${stele.url}/log/bench/checkpoint`)).text();
    newest = Math.max(newest, Number(note.split('\n')[1]));
  }
}

async function bench(name, settings, seconds, barMs) {
  newest = 0;
  const stele = await startStele(settings);
  try {
    await measure(stele, 2);
    const times = await measure(stele, seconds);
    const at = (share) => times[Math.floor(times.length * share)];
    return row(
      `append to checkpoint, ${name}, ${WRITERS} writers: p50 / p99`,
      `${ms(at(0.5))} / ${ms(at(0.99))}`,
      `p50 <= ${barMs} ms`,
      at(0.5) <= barMs,
    );
  } finally {
    await stele.stop();
  }
}

export async function publishLatency({ seconds }) {
  const rows = [await bench('files', {}, seconds, 60)];
  const server = await startS3('versitygw');
  if (server === null)
    return [...rows, row('append to checkpoint, VersityGW', 'skipped: not installed (make tools)')];
  try {
    rows.push(await bench('VersityGW', server.settings, seconds, 300));
  } finally {
    await server.stop();
  }
  return rows;
}
