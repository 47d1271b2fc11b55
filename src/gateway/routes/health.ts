import { queryOf } from '../request/arrival.ts';
import type { Answer } from '../request/answer.ts';
import type { FeedStatus } from '../../policy/bundle/feed.ts';
import type { AlertStatus } from '../alert/walk.ts';
import type { ServedLedger } from '../context/components.ts';
import type { Gateway } from '../request/gateway.ts';
import { openRoute } from '../request/pipeline.ts';
import type { Route } from '../request/pipeline.ts';
import { ProblemError } from '../context/problem.ts';
import { readyQuerySchema } from '../schema/requests.ts';

const TEXT_TYPE = 'text/plain; charset=utf-8';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Whether it is to be looked at, and answers go on as before. */
  readonly warns?: boolean;
}

/** Process only: a store that is away must not make a supervisor kill what holds the journal. */
const alive = (): Answer => text(200, 'ok\n');

/** Probes, as Kubernetes and operators expect them. */
export const healthRoutes: readonly Route[] = [
  openRoute({ name: 'livez', method: 'get', path: '/livez' }, alive),
  openRoute({ name: 'healthz', method: 'get', path: '/healthz' }, alive),
  openRoute({ name: 'readyz', method: 'get', path: '/readyz' }, (gateway, { request }) => {
    const verbose = queryOf(request, readyQuerySchema).verbose !== undefined;
    const checks = checksOf(gateway);
    const ok = checks.every((check) => check.ok);
    const lines = checks.map(
      ({ name, ok: fine, detail, warns }) =>
        `[${fine ? (warns === true ? '!' : '+') : '-'}]${name} ${detail}\n`,
    );
    return text(ok ? 200 : 503, `${verbose ? lines.join('') : ''}${ok ? 'ok' : 'not ready'}\n`);
  }),
  openRoute({ name: 'metrics', method: 'get', path: '/metrics' }, async (gateway) => {
    if (!gateway.settings.metrics) throw new ProblemError('route_unknown');
    const { metrics } = gateway;
    return { status: 200, type: metrics.registry.contentType, body: await metrics.page() };
  }),
];

function checksOf(gateway: Gateway): readonly Check[] {
  const shutdown = {
    name: 'shutdown',
    ok: !gateway.closing,
    detail: gateway.closing ? 'closing' : 'ok',
  };
  const ledgers = [...gateway.desks].map(([name, { served }]) => {
    const { ready, reason, backlogEntries, oldestUnsealedMs, storeFault } = served.ledger.status();
    const store = storeFault === null ? '' : `, ${storeFault}`;
    const backlog = `${backlogEntries} unsealed, oldest ${oldestUnsealedMs} ms${store}`;
    return { name: `ledger/${name}`, ok: ready, detail: `${reason ?? 'ok'} (${backlog})` };
  });
  const policies = [...gateway.desks].map(([name, { served }]) => {
    return policyCheck(`policy/${name}`, served);
  });
  const callers = gateway.components.callers.files.map(({ name, fault }) => ({
    name: `callers/${name}`,
    ok: true,
    warns: fault !== null,
    detail: fault === null ? 'ok' : 'what was read before holds; the log says why',
  }));
  const feeds = [...gateway.desks].flatMap(([name, { served }]) =>
    served.feed === null ? [] : [feedCheck(`policy-source/${name}`, served.feed.status)],
  );
  const alerts = [...gateway.desks].flatMap(([name, { served }]) =>
    served.alerts === undefined ? [] : [alertCheck(`alerts/${name}`, served.alerts.status())],
  );
  return [shutdown, ...ledgers, ...policies, ...callers, ...feeds, ...alerts];
}

/** What is in charge and does not decide here yet: within the grace of the one before, everything goes on. */
function policyCheck(name: string, { policy: { policy }, ledger }: ServedLedger): Check {
  if (policy === null) return { name, ok: false, detail: 'none is loaded' };
  const { active, deciding, decides, fault, fallback } = ledger.policy();
  const own = `${policy.revision} (${policy.id})`;
  if (active === null || deciding === null || active.id === deciding) {
    return { name, ok: true, detail: own };
  }
  const next = fallback === null ? '' : `; ${fallback} decides the next change`;
  const detail = `${own}; in charge is ${active.id}, ${fault ?? 'being made ready'}${next}`;
  return { name, ok: decides, warns: true, detail };
}

/** A source that fails, or gives what is refused, keeps nobody from deciding by the policy in charge. */
function feedCheck(name: string, { source, candidate, failure }: FeedStatus): Check {
  const found = candidate === null ? 'no candidate' : `candidate ${candidate.digest}`;
  const fault = failure === null ? '' : `, ${failure.code} ${failure.digest ?? ''}`.trimEnd();
  return { name, ok: true, warns: failure !== null, detail: `${source} (${found}${fault})` };
}

/** Alerts that come late keep nobody from appending. */
function alertCheck(name: string, status: AlertStatus): Check {
  const { asks, lag, behind, failed, fault, waitsAt } = status;
  if (!asks) return { name, ok: true, warns: true, detail: 'the policy has no stele/alert' };
  const wait =
    fault === null ? '' : `, waits${waitsAt === null ? '' : ` at entry ${waitsAt}`}: ${fault}`;
  const found = `${lag} entries behind, ${failed} failed${wait}`;
  const warns = behind || fault !== null;
  return { name, ok: true, warns, detail: `${warns ? 'late' : 'ok'} (${found})` };
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT_TYPE, body, headers: ['Cache-Control', 'no-store'] };
}
