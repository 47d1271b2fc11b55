/** Every path, the busiest first: Express looks at them in order. */
import type { Route } from './pipeline.ts';
import { appendRoute } from './routes/append.ts';
import { entryRoute, proofRoute } from './routes/entries.ts';
import { searchRoute } from './routes/search.ts';
import { healthRoutes } from './routes/health.ts';
import { keysRoute } from './routes/keys.ts';
import { consistencyRoute, ledgerRoute } from './routes/ledgers.ts';
import { openApiRoute } from './routes/openapi.ts';
import { evaluateRoute, policiesRoute, policyBundleRoute } from './routes/policies.ts';
import { policyRoute } from './routes/policy.ts';
import { shadowRoute, shadowStatusRoute } from './routes/shadow.ts';
import { checkpointRoute, preflightRoutes, tileRoute } from './routes/log.ts';

/** The table of routes. */
export const routes: readonly Route[] = [
  appendRoute,
  entryRoute,
  proofRoute,
  searchRoute,
  tileRoute,
  checkpointRoute,
  ledgerRoute,
  consistencyRoute,
  policyRoute,
  policiesRoute,
  policyBundleRoute,
  evaluateRoute,
  keysRoute,
  shadowStatusRoute,
  shadowRoute,
  ...preflightRoutes,
  ...healthRoutes,
  openApiRoute,
];
