// One POST, decided, signed, journalled with fdatasync, acknowledged: against OPA's server only deciding.
import { spreadEvents } from './events.mjs';
import { load, median } from './load.mjs';
import { opaInstalled, opaRequests, startOpa } from './peer-opa.mjs';
import { usage } from './process.mjs';
import { ms, perSecond, row } from './row.mjs';
import { singleRequests, startStele } from './stele.mjs';

const CONNECTIONS = 64;
const P99_BAR_MS = 60;

/** Rounds in turn, so that both see the same machine. */
export async function decideAgainstOpa({ rounds, seconds, warmSeconds }) {
  const events = spreadEvents();
  const stele = await startStele();
  const opa = opaInstalled ? await startOpa() : null;
  try {
    const ours = {
      url: stele.url,
      connections: CONNECTIONS,
      requests: singleRequests(stele, events),
    };
    const theirs = opa && { url: opa.url, connections: CONNECTIONS, requests: opaRequests(events) };
    await load({ ...ours, seconds: warmSeconds });
    if (theirs) await load({ ...theirs, seconds: warmSeconds });
    const a = [];
    const b = [];
    let cpu = 0;
    for (let round = 0; round < rounds; round += 1) {
      const before = usage(stele.pid).cpuSeconds;
      a.push(await load({ ...ours, seconds }));
      cpu += usage(stele.pid).cpuSeconds - before;
      if (theirs) b.push(await load({ ...theirs, seconds }));
    }
    const rate = median(a.map((each) => each.perSecond));
    const p99 = median(a.map((each) => each.p99));
    const failures = a.reduce((sum, each) => sum + each.non2xx + each.errors, 0);
    const total = a.reduce((sum, each) => sum + each.perSecond * seconds, 0);
    const rows = [
      row('append durable, 64 connections', perSecond(rate)),
      row(
        '  p50 / p99',
        `${ms(median(a.map((each) => each.p50)))} / ${ms(p99)}`,
        `p99 < ${P99_BAR_MS} ms`,
        p99 < P99_BAR_MS,
      ),
      row('  refused or failed', String(failures), '0', failures === 0),
      row('  processor time a request', `${Math.round((cpu / total) * 1e6)} us`),
    ];
    if (b.length > 0) {
      const peer = median(b.map((each) => each.perSecond));
      const ratio = median(a.map((each, i) => each.perSecond / b[i].perSecond));
      rows.push(
        row(
          'opa run --server, only deciding',
          `${perSecond(peer)}, p99 ${ms(median(b.map((each) => each.p99)))}`,
        ),
      );
      rows.push(row('ratio, pair by pair', ratio.toFixed(2), '>= 1.0', ratio >= 1));
    } else {
      rows.push(row('opa run --server', 'skipped: OPA is not installed (make tools)'));
    }
    return rows;
  } finally {
    await stele.stop();
    await opa?.stop();
  }
}
