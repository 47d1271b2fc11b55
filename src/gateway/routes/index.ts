/** Every path, the busiest first: Express looks at them in order. */
import type { Route } from '../request/pipeline.ts';
import { appendRoute } from './append.ts';
import { entryRoute, proofRoute } from './entries.ts';
import { searchRoute } from './search.ts';
import { healthRoutes } from './health.ts';
import { keysRoute } from './keys.ts';
import { consistencyRoute, ledgerRoute } from './ledgers.ts';
import { openApiRoute } from './openapi.ts';
import { evaluateRoute, policiesRoute, policyBundleRoute } from './policies.ts';
import { policyRoute } from './policy.ts';
import { shadowRoute, shadowStatusRoute } from './shadow.ts';
import { checkpointRoute, preflightRoutes, tileRoute } from './log.ts';

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
